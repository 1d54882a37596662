import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type CommandOutput, Sha256Hex, StorePath } from '@nixfleet/contracts';
import { fileSystem } from '../file-system.ts';
import { GuardRecord } from '../guard/guard-record.ts';
import { systemClock } from '../system-clock.ts';
import { awaitSwitch, outcomeOf, type SwitchFacts } from './nixos-switch.ts';
import { NixosSystem } from './nixos-system.ts';
import { type ServiceEnd, Systemd } from './systemd.ts';

const before = StorePath.parse(`/nix/store/${'a'.repeat(32)}-nixos-system-web-1`);
const target = StorePath.parse(`/nix/store/${'b'.repeat(32)}-nixos-system-web-2`);

const end = (of: Partial<ServiceEnd>): ServiceEnd => ({
  result: 'success',
  exitCode: 0,
  signal: null,
  durationMs: 5,
  ...of,
});
const output = (excerpt = ''): CommandOutput => ({
  exitCode: 0,
  durationMs: 5,
  outputSha256: Sha256Hex.parse('0'.repeat(64)),
  excerpt,
});
const facts = (of: Partial<SwitchFacts> = {}): SwitchFacts => ({
  target,
  running: before,
  output: output(),
  failedBefore: [],
  failedNow: [],
  onFailedUnits: 'new',
  ...of,
});

test('exit 0 is a switch; what runs is read back, not assumed', () => {
  assert.deepEqual(outcomeOf(end({}), facts({ running: target })), { kind: 'ok', running: target, output: output() });
});

test('exit 1 is a refusal only where it says that nothing was changed', () => {
  const of = (excerpt: string, running = before) =>
    outcomeOf(end({ exitCode: 1 }), facts({ output: output(excerpt), running }));
  const check = of("building…\nPre-switch check 'raid' failed\n");
  assert.deepEqual(check, { kind: 'refused', reason: 'pre-switch-check', detail: "Pre-switch check 'raid' failed" });
  const lock = of('Could not acquire lock\n');
  assert.ok(lock.kind === 'refused' && lock.reason === 'activation-lock-busy');
  const fault = of('Error: Failed to open dbus connection');
  assert.ok(fault.kind === 'failed' && fault.cause === 'activation-failed');
  const late = of("Pre-switch check 'raid' failed", target);
  assert.ok(late.kind === 'failed', 'the target runs: something was changed');
});

test('exit 4: which failed units count is the policy’s', () => {
  const of = (policy: SwitchFacts['onFailedUnits'], failedNow: string[]) =>
    outcomeOf(
      end({ exitCode: 4 }),
      facts({ running: target, failedBefore: ['old.service'], failedNow, onFailedUnits: policy }),
    ).kind;
  assert.equal(of('new', ['old.service']), 'ok');
  assert.equal(of('new', ['new.service', 'old.service']), 'failed');
  assert.equal(of('new', []), 'failed', 'a unit failed and is gone: nothing says that it had failed before');
  assert.equal(of('any', ['old.service']), 'failed');
  assert.equal(of('ignore', ['new.service']), 'ok');
});

test('11 is a busy lock, 100 needs a reboot, 2 and signals are failures, and so is time', () => {
  const of = (how: Partial<ServiceEnd>) => outcomeOf(end(how), facts());
  const busy = of({ exitCode: 11 });
  assert.ok(busy.kind === 'refused' && busy.reason === 'activation-lock-busy');
  assert.deepEqual(of({ exitCode: 100 }), { kind: 'needs-reboot', component: 'init' });
  const failed = of({ exitCode: 2 });
  assert.ok(failed.kind === 'failed' && failed.cause === 'activation-failed');
  const killed = of({ result: 'signal', exitCode: null, signal: 9 });
  assert.ok(killed.kind === 'failed' && killed.cause === 'activation-failed');
  const late = of({ result: 'timeout', exitCode: null, signal: 15 });
  assert.ok(late.kind === 'failed' && late.cause === 'activation-timeout');
});

test('what ends with the machine is not kept: after the boot it would be a failure of the closure', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'nixfleet-switch-'));
  try {
    const keptWhile = async (state: string): Promise<boolean> => {
      // PID 1 has forgotten the unit already.
      const program = `#!/bin/sh\ncase $* in *is-system-running*) echo ${state} ;; *) echo LoadState=not-found ;; esac\n`;
      writeFileSync(join(directory, 'systemctl'), program, { mode: 0o755 });
      const systemd = new Systemd({ path: `${directory}:${process.env.PATH}`, clock: systemClock });
      const system = new NixosSystem({ systemd, path: '', unitName: () => 'unused', clock: systemClock });
      const record = new GuardRecord(fileSystem, mkdtempSync(join(directory, 'record-')));
      await record.begin({ target, failedBefore: [], onFailedUnits: 'new' });
      const deps = { systemd, system, clock: systemClock };
      assert.equal((await awaitSwitch(record, new AbortController().signal, deps)).kind, 'failed');
      return (await record.outcome()) !== null;
    };
    assert.equal(await keptWhile('running'), true);
    assert.equal(await keptWhile('stopping'), false);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
