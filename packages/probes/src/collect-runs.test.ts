import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Clock, ProbeDescriptor } from '@nixfleet/contracts';
import { systemClock } from '@nixfleet/contracts/node-clock';
import { type CollectOptions, collectRuns, type ProbeRun } from './collect-runs.ts';

const directory = mkdtempSync(join(tmpdir(), 'nixfleet-collect-'));
after(() => rmSync(directory, { recursive: true }));

function program(name: string, text: string): ProbeDescriptor {
  const command = join(directory, name);
  writeFileSync(command, `#!/bin/sh\n${text}\n`);
  chmodSync(command, 0o755);
  return {
    ...{
      command,
      args: [],
      timeoutSecs: 30,
      expect: { compliant: true },
      schema: 'test/v1' as ProbeDescriptor['schema'],
    },
    ...{ privilege: 'root', network: 'none', maxOutputBytes: 100, applicability: 'always' },
  };
}

const options: CollectOptions = {
  clock: systemClock,
  environment: { PATH: '/usr/bin:/bin', GIVEN: 'yes' },
  unprivileged: null,
};

async function runsOf(probe: ProbeDescriptor, more: Partial<CollectOptions> = {}): Promise<ProbeRun> {
  const runs = await collectRuns([{ ruleId: 'X-01', probe }], { ...options, ...more });
  const run = runs.get('X-01');
  assert.ok(run);
  return run;
}

/** A clock on which the first sleep ends when the test says so. */
function heldClock(): Clock & { release(): void; ms: number } {
  const waiting: (() => void)[] = [];
  const clock = {
    ms: 0,
    now: () => clock.ms,
    monotonicMs: () => clock.ms,
    sleep: (_: number, signal?: AbortSignal) =>
      new Promise<void>((resolve, reject) => {
        waiting.push(resolve);
        signal?.addEventListener('abort', () => reject(signal.reason));
      }),
    release: () => {
      waiting.shift()?.();
    },
  };
  return clock;
}

test('what a probe printed, with nothing of our environment', async () => {
  process.env.NOT_GIVEN = 'no';
  const run = await runsOf(program('good', 'echo "{\\"given\\":\\"$GIVEN\\",\\"not\\":\\"$NOT_GIVEN\\"}"'));
  assert.equal(new TextDecoder().decode(run.stdout), '{"given":"yes","not":""}\n');
  assert.equal(run.exitCode, 0);
  assert.equal(run.problem, undefined);
});

test('how probes fail: by code, by a signal, by not being there, by too much', async () => {
  const coded = await runsOf(program('coded', 'echo "nixfleet-probe x: unreadable: /etc/ada" >&2; exit 1'));
  assert.equal(coded.problem, 'exit code 1: unreadable');
  assert.match(coded.said, /ada/);
  assert.equal((await runsOf(program('killed', 'kill -9 $$'))).problem, 'was ended by SIGKILL');
  const absent = { ...program('absent', ''), command: join(directory, 'none') };
  assert.equal((await runsOf(absent)).problem, 'could not be started: ENOENT');
  // What spawn throws at once must not end the collection.
  const refused = await runsOf({ ...program('refused', ''), args: ['\0'] });
  assert.equal(refused.problem, 'could not be started: ERR_INVALID_ARG_VALUE');
  const much = await runsOf(program('much', 'while :; do echo 0123456789; done'));
  assert.equal(much.problem, 'printed more than 100 bytes');
  assert.equal(much.stdout.length, 101);
});

test('one that hangs is ended with all it started, and the rest is run', async () => {
  const clock = heldClock();
  const marker = join(directory, 'child');
  const hangs = program('hangs', `sleep 1000 & echo $! > ${marker}; wait`);
  const runs = collectRuns(
    [
      { ruleId: 'X-01', probe: hangs },
      { ruleId: 'X-02', probe: program('second', 'echo {}') },
      { ruleId: 'X-03', probe: program('third', 'echo {}') },
    ],
    { ...options, clock },
  );
  while (!readMarker(marker)) await systemClock.sleep(5);
  clock.release();
  const found = await runs;
  assert.equal(found.get('X-01')?.problem, 'was not done within 30 s');
  // Killed, perhaps not yet collected by whoever inherited it.
  assert.match(stateOf(readMarker(marker).trim()), /^[ZX]?$/);
  assert.equal(new TextDecoder().decode(found.get('X-03')?.stdout), '{}\n');
});

test('a collection without time left runs nothing more', async () => {
  const run = await runsOf(program('late', 'echo {}'), { timeoutMs: 0 });
  assert.equal(run.problem, 'was not run: the collection may take 0 s');
  const stopped = await runsOf(program('stopped', 'echo {}'), { signal: AbortSignal.abort() });
  assert.equal(stopped.problem, 'was not run: the collection was stopped');
});

test('rules with one question share one answer', async () => {
  const counter = join(directory, 'count');
  const probe = program('counts', `echo x >> ${counter}; echo {}`);
  const tasks = [
    { ruleId: 'X-01', probe },
    { ruleId: 'X-02', probe: { ...probe, expect: { other: 1 } } },
    { ruleId: 'X-03', probe: { ...probe, args: ['more'] } },
  ];
  assert.equal((await collectRuns(tasks, options)).size, 3);
  assert.equal(readFileSync(counter, 'utf8'), 'x\nx\n');
});

test('a probe without privilege runs as somebody else', async (t) => {
  if (process.getuid?.() !== 0) {
    t.diagnostic('not root: there is no privilege to drop');
    return;
  }
  const probe = { ...program('who', 'id -u'), privilege: 'user' as const };
  chmodSync(directory, 0o755);
  const run = await runsOf(probe, { unprivileged: { uid: 65_534, gid: 65_534 } });
  assert.equal(new TextDecoder().decode(run.stdout), '65534\n');
});

function readMarker(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function stateOf(pid: string): string {
  return readMarker(`/proc/${pid}/stat`).split(' ')[2] ?? '';
}
