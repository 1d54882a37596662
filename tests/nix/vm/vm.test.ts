import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { repositoryRoot } from '../nix.ts';

/**
 * The script behind mkVmApps with real Nix and a flake whose machines are stand-ins: their "QEMU" is a process that notes
 * what it was started with. No machine boots here.
 */
describe('local virtual machines', () => {
  let folder = '';
  const at = (name: string): string => join(folder, name);
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nixfleet-vm-'));
    await mkdir(at('flake'));
    const system = process.arch === 'arm64' ? 'aarch64-linux' : 'x86_64-linux';
    await writeFile(
      at('flake/flake.nix'),
      `{
        outputs = _: {
          nixosConfigurations = builtins.mapAttrs (name: hostSpec: {
            config = {
              inherit hostSpec;
              system.build.vm = derivation {
                name = "vm-\${name}";
                system = "${system}";
                builder = "/bin/sh";
                PATH = "/usr/bin:/bin";
                args = [ "-euc" ''
                  mkdir -p "$out/bin"
                  printf '%s\\n' '#!/bin/sh' 'printf "%s\\n" "$QEMU_OPTS" "$QEMU_NET_OPTS" > "$NIX_DISK_IMAGE"' \\
                    'sleep 600 > /dev/null 2>&1 & echo $! > "\${"$"}{QEMU_OPTS##*-pidfile }"' > "$out/bin/run-\${name}-vm"
                  chmod +x "$out/bin/run-\${name}-vm"
                '' ];
              };
            };
          }) { db-1 = { vmRam = 2048; vmPortForwards."80" = 8080; }; web-1 = { }; };
        };
      }`,
    );
  });
  after(async () => {
    await vm('stop', '--all');
    await rm(folder, { recursive: true });
  });

  async function vm(...args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
    const script = `flake=path:${at('flake')}\n${await readFile(join(repositoryRoot, 'nix/vm/vm.sh'), 'utf8')}`;
    await writeFile(at('vm'), script);
    const config = `sandbox = false\nbuild-users-group =\nsubstituters =\n${process.env.NIX_CONFIG ?? ''}`;
    const env = { ...process.env, HOME: folder, XDG_DATA_HOME: at('data'), NIX_CONFIG: config };
    const child = spawn('/bin/sh', [at('vm'), ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    const output = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8').on('data', (text: string) => {
        output[name] += text;
      });
    }
    const [code] = (await once(child, 'close')) as [number];
    return { code, ...output };
  }
  const startedWith = async (host: string): Promise<string[]> =>
    (await readFile(at(`data/nixfleet/vms/${host}.qcow2`), 'utf8')).trim().split('\n');

  test('a host starts with its memory, its ports and a place of its own', async () => {
    const started = await vm('start', '-h', 'db-1');
    assert.equal(started.code, 0, started.stderr);
    assert.match(started.stdout, /db-1 runs: ssh -p 2201 root@127\.0\.0\.1/);
    const [options = '', network = ''] = await startedWith('db-1');
    assert.match(options, /^-m 2048 -smp 2 -display none -daemonize -pidfile .*db-1\.pid$/);
    assert.equal(network, 'hostfwd=tcp:127.0.0.1:2201-:22,hostfwd=tcp:127.0.0.1:8080-:80');
    const again = await vm('start', '-h', 'db-1');
    assert.equal(again.code, 1);
    assert.match(again.stderr, /db-1 runs already, at ssh port 2201/);
  });

  test('options win over what the host says; the port follows its place among all hosts', async () => {
    const started = await vm('start', '--host', 'web-1', '--ram', '512', '--cpus', '4');
    assert.equal(started.code, 0, started.stderr);
    const [options = '', network = ''] = await startedWith('web-1');
    assert.match(options, /^-m 512 -smp 4 /);
    assert.equal(network, 'hostfwd=tcp:127.0.0.1:2202-:22');
  });

  test('stop ends it, clean deletes its disk', async () => {
    const pid = Number(await readFile(at('data/nixfleet/vms/db-1.pid'), 'utf8'));
    assert.equal((await vm('stop', '-h', 'db-1')).code, 0);
    assert.throws(() => process.kill(pid, 0), /ESRCH/);
    assert.ok(existsSync(at('data/nixfleet/vms/db-1.qcow2')));
    assert.equal((await vm('clean', '--all')).code, 0);
    assert.ok(!existsSync(at('data/nixfleet/vms/db-1.qcow2')) && !existsSync(at('data/nixfleet/vms/web-1.pid')));
  });

  test('what it cannot do it says in one line', async () => {
    const cases: readonly (readonly [number, RegExp, readonly string[]])[] = [
      [1, /web-9 is no host of nixosConfigurations; there are: db-1 web-1/, ['start', '-h', 'web-9']],
      [1, /--ssh-port and --display are for one host/, ['start', '--all', '--ssh-port', '3000']],
      [2, /usage: vm build\|start/, ['start']],
      [2, /usage/, ['start', '-h', 'db-1', '--ram', 'much']],
      [2, /usage/, ['erase', '-h', 'db-1']],
    ];
    for (const [code, line, args] of cases) {
      const ended = await vm(...args);
      assert.equal(ended.code, code, ended.stderr);
      assert.match(ended.stderr, line);
    }
  });
});
