import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { StorePath } from '@nixfleet/contracts';
import { undoObstacle } from './undoable-system.ts';

const closure = StorePath.parse(`/nix/store/${'a'.repeat(32)}-nixos-system-web-1`);
const etc = `/nix/store/${'b'.repeat(32)}-etc`;
const backend = (kind: string): string => JSON.stringify({ backend: { kind } });

describe('a closure that an agent could not undo', () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'nixfleet-undo-'));
    // As in NixOS: `etc` of the system is a link into the store, and so are the files in it.
    write(`${closure}/init`, '');
    symlinkSync(`${etc}/etc`, join(root, closure, 'etc'));
    write(`${etc}/etc/systemd/system/multi-user.target`, '');
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  function write(path: string, text: string, mode = 0o644): void {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
    chmodSync(join(root, path), mode);
  }
  const script = (mode: number): void => {
    const program = `/nix/store/${'c'.repeat(32)}-dead-man`;
    write(program, '#!/bin/sh\n', mode);
    mkdirSync(join(root, etc, 'etc/nixfleet'), { recursive: true });
    symlinkSync(program, join(root, etc, 'etc/nixfleet/dead-man'));
  };
  const recover = (): void => write(`${etc}/etc/systemd/system/nixfleet-recover.service`, '[Unit]\n');
  const found = (): Promise<string | null> => undoObstacle(closure, { root });

  test('one with both parts is none', async () => {
    script(0o755);
    recover();
    assert.equal(await found(), null);
  });

  test('one without the script, or where it is no program, says so and what to do', async () => {
    recover();
    assert.match((await found()) ?? '', /dead-man is not a program.*services\.nixfleet-agent\.enable = true/);
    script(0o644);
    assert.match((await found()) ?? '', /dead-man is not a program/);
  });

  test('one without the unit for after a reboot', async () => {
    script(0o755);
    assert.match((await found()) ?? '', /nixfleet-recover\.service is not there.*services\.nixfleet-agent/);
  });

  test('what the agent’s own settings say counts: another backend needs neither, a NixOS machine both', async () => {
    write(`${etc}/etc/nixfleet/agent.json`, backend('profile'));
    assert.equal(await found(), null);
    write(`${etc}/etc/nixfleet/agent.json`, backend('nixos'));
    assert.notEqual(await found(), null);
    write(`${etc}/etc/nixfleet/agent.json`, '{');
    assert.notEqual(await found(), null, 'unreadable settings of a NixOS machine excuse nothing');
  });

  test('what is no NixOS, or is not here, is none of it', async () => {
    rmSync(join(root, etc), { recursive: true });
    assert.equal(await found(), null);
    rmSync(join(root, closure), { recursive: true });
    assert.equal(await found(), null);
  });

  describe('of a Mac', () => {
    const mac = StorePath.parse(`/nix/store/${'d'.repeat(32)}-darwin-system-25.05`);
    const foundOfMac = (): Promise<string | null> => undoObstacle(mac, { root });
    const parts = ['activate', 'etc/nixfleet/dead-man', 'Library/LaunchDaemons/org.nixos.nixfleet-recover.plist'];
    beforeEach(() => {
      write(`${mac}/darwin-version`, '25.05');
      for (const part of parts) write(`${mac}/${part}`, '', 0o755);
    });

    test('one with every part is none, and one without any of them says which', async () => {
      assert.equal(await foundOfMac(), null);
      for (const part of parts) {
        rmSync(join(root, mac, part));
        assert.match((await foundOfMac()) ?? '', new RegExp(`${part} is not .*services\\.nixfleet-agent`), part);
        write(`${mac}/${part}`, '', 0o755);
      }
    });

    test('it is known by the agent’s settings, or else by its version', async () => {
      rmSync(join(root, mac, 'etc/nixfleet/dead-man'));
      assert.match((await foundOfMac()) ?? '', /dead-man is not a program/);
      rmSync(join(root, mac, 'darwin-version'));
      assert.equal(await foundOfMac(), null, 'nobody knows what it is');
      write(`${mac}/etc/nixfleet/agent.json`, backend('darwin'));
      assert.match((await foundOfMac()) ?? '', /dead-man is not a program/);
      write(`${mac}/etc/nixfleet/agent.json`, backend('profile'));
      assert.equal(await foundOfMac(), null);
    });
  });
});
