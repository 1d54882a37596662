import assert from 'node:assert/strict';
import { test } from 'node:test';
import { excerptMax, excerptOf, OutputCollector } from './command-output.ts';

test('what looks like a secret does not leave the host', () => {
  const lines = [
    'DB_PASSWORD=hunter2-a',
    'api_key: "hunter2 b"',
    'https://user:hunter2-c@example.org/x',
    'Authorization: Bearer hunter2-d',
    'token ghp_hunter2hunter2hunter2hunter2hunter2',
    '-----BEGIN OPENSSH PRIVATE KEY-----\nhunter2\n-----END OPENSSH PRIVATE KEY-----',
  ];
  const excerpt = excerptOf(lines.join('\n'));
  assert.ok(!excerpt.includes('hunter2'), excerpt);
  assert.match(excerpt, /https:\/\/\[credentials\]@example.org/);
});

test('nor does the rest of a key of which the beginning is not kept', () => {
  const collector = new OutputCollector();
  collector.add(Buffer.from(`-----BEGIN RSA PRIVATE KEY-----\n${'hunter2'.repeat(2400)}\n`));
  collector.add(Buffer.from('-----END RSA PRIVATE KEY-----\nerror: no such file\n'));
  const { excerpt } = collector.output({ exitCode: 1, durationMs: 1 });
  assert.equal(excerpt, '[private key]\nerror: no such file\n');
});

test('an excerpt is bounded, of the end, and safe for a terminal', () => {
  const excerpt = excerptOf(`${'x'.repeat(10_000)}\n\u001b[31mred\u001b[0m\u0007 \ud800 end`);
  assert.ok(excerpt.length <= excerptMax);
  assert.ok(excerpt.endsWith('red \ufffd end'), JSON.stringify(excerpt.slice(-20)));
});

test('the hash is of everything, the excerpt of the end', () => {
  const collector = new OutputCollector();
  for (let i = 0; i < 1000; i++) collector.add(Buffer.from(`line ${i} ${'y'.repeat(100)}\n`));
  const output = collector.output({ exitCode: 1, durationMs: 12.6 });
  assert.equal(output.durationMs, 13);
  assert.ok(output.excerpt.includes('line 999'));
  assert.ok(!output.excerpt.includes('line 10 '));
  assert.match(output.outputSha256, /^[0-9a-f]{64}$/);
});
