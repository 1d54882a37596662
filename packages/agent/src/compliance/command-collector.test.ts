import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Clock } from '@nixfleet/contracts';
import { fileSystem } from '../file-system.ts';
import { systemClock } from '../system-clock.ts';
import { commandCollector } from './command-collector.ts';

const directory = mkdtempSync(join(tmpdir(), 'nixfleet-command-'));
after(() => rmSync(directory, { recursive: true }));

/** A clock of which each look is later by so many seconds. */
function leaping(seconds: number): Clock {
  let looks = 0;
  return { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + looks++ * seconds * 1000 };
}

async function collected(command: string, clock: Clock = systemClock): Promise<string> {
  const environment = { PATH: process.env.PATH ?? '' };
  const argv = ['/bin/sh', '-c', command] as const;
  const collector = commandCollector({ files: fileSystem, clock, directory, argv: [...argv], environment });
  const order = { schemaVersion: 1, trigger: 'activation', nonce: null, at: '2026-06-01T12:00:00Z' } as never;
  const outcome = await collector.collect({ context: null, order }, new AbortController().signal);
  return outcome.ok ? 'ok' : `${outcome.reason} ${outcome.exitCode}`;
}

test('how a collector ended', async () => {
  assert.equal(await collected('exit 0'), 'ok');
  assert.equal(await collected('exit 3'), 'collector-failed 3');
});

test('a unit that ended at its own limit, and says no more than that it failed, was late', async () => {
  assert.equal(await collected('exit 1', leaping(120)), 'timeout 1');
  assert.equal(await collected('exit 0', leaping(120)), 'ok');
});
