import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runCommand } from './run-command.ts';
import { systemClock } from './system-clock.ts';

const mebibyte = 2 ** 20;

function node(script: string, memoryBytesMax: number) {
  return runCommand({
    argv: [process.execPath, '-e', script],
    environment: {},
    timeoutMs: 60_000,
    stdoutBytesMax: 1000,
    memoryBytesMax,
    clock: systemClock,
  });
}

test('a program that takes more memory than it may is ended', async () => {
  const hungry = `const kept = []; setInterval(() => kept.push(Buffer.alloc(${20 * mebibyte}, 1)), 20)`;
  const result = await node(hungry, 300 * mebibyte);
  assert.equal(result.ended, 'too-much-memory');
  assert.notEqual(result.exitCode, 0);
});

test('one that does not ends by itself', async () => {
  const result = await node('setTimeout(() => console.log("done"), 300)', 300 * mebibyte);
  assert.deepEqual([result.ended, result.exitCode, result.stdout], ['exit', 0, 'done\n']);
});
