import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { nameValueLines } from '../name-value-lines.ts';
import { systemClock } from '../system-clock.ts';
import { Systemd, serviceFrom } from './systemd.ts';

const shown = (text: string) => serviceFrom(nameValueLines(text));

test('a service that PID 1 does not know, or has not started, is absent', () => {
  assert.equal(shown('LoadState=not-found\nActiveState=inactive\nSubState=dead\n'), 'absent');
  assert.equal(shown('LoadState=loaded\nActiveState=inactive\nSubState=dead\n'), 'absent');
});

test('one that starts, runs or stops is running', () => {
  assert.equal(shown('LoadState=loaded\nActiveState=active\nSubState=running\n'), 'running');
  assert.equal(shown('LoadState=loaded\nActiveState=activating\nSubState=start\n'), 'running');
  assert.equal(shown('LoadState=loaded\nActiveState=deactivating\nSubState=stop-sigterm\n'), 'running');
});

test('how it ended: its code, or its signal, and how long it took', () => {
  const times = 'ExecMainStartTimestampMonotonic=1000000\nExecMainExitTimestampMonotonic=3500000\n';
  const exited = `LoadState=loaded\nActiveState=active\nSubState=exited\nResult=success\nExecMainCode=1\nExecMainStatus=4\n`;
  assert.deepEqual(shown(exited + times), { result: 'success', exitCode: 4, signal: null, durationMs: 2500 });
  const killed = `LoadState=loaded\nActiveState=failed\nSubState=failed\nResult=timeout\nExecMainCode=2\nExecMainStatus=15\n`;
  assert.deepEqual(shown(killed + times), { result: 'timeout', exitCode: null, signal: 15, durationMs: 2500 });
});

test('a reboot was refused only where the machine does not go down: it may end the program that asked for it', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'nixfleet-systemctl-'));
  try {
    const told = async (reboot: string, state: string): Promise<string | null> => {
      const program = `#!/bin/sh\ncase $* in *reboot) ${reboot} ;; *) echo ${state} ;; esac\n`;
      writeFileSync(join(directory, 'systemctl'), program, { mode: 0o755 });
      return new Systemd({ path: `${directory}:${process.env.PATH}`, clock: systemClock }).reboot();
    };
    assert.equal(await told('exit 0', 'running'), null);
    assert.equal(await told('kill -TERM $$', 'stopping'), null);
    assert.match((await told('kill -TERM $$', 'running')) ?? '', /systemctl reboot/);
    assert.match((await told('echo "Access denied" >&2; exit 1', 'running')) ?? '', /Access denied/);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
