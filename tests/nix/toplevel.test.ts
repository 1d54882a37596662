import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { HealthChecks, StorePath } from '@nixfleet/contracts';
import { buildInto, closureOf } from './nix.ts';

/** The stand-in system, really built into a chroot store and really switched to in a root of its own. */

const actionMsMax = 60_000;

interface Machine {
  readonly root: string;
  readonly port: number;
}
interface Outcome {
  readonly code: number | null;
  readonly stderr: string;
}

const systems = {
  first: '{ name = "web-1"; version = "1.0.0"; healthChecks = fleetChecks; }',
  second: '{ name = "web-1"; version = "1.1.0"; kernelVersion = "6.6.2"; }',
  unhealthy: '{ name = "web-1"; version = "1.2.0"; healthy = false; }',
  cutOff: '{ name = "web-1"; version = "1.3.0"; cutsNetwork = true; }',
  hanging: '{ name = "web-1"; version = "1.4.0"; hang = true; }',
  failing: '{ name = "web-1"; version = "1.5.0"; exitCode = 4; }',
  idle: '{ name = "web-1"; version = "1.6.0"; service = false; }',
} as const;
type SystemName = keyof typeof systems;

describe('the stand-in system', () => {
  let folder = '';
  let store = '';
  const built = new Map<string, { storePath: string; path: string }>();
  const machines: Machine[] = [];

  const system = (name: SystemName): { storePath: string; path: string } => {
    const found = built.get(name);
    assert.ok(found);
    return found;
  };

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nixfleet-toplevel-'));
    store = join(folder, 'store');
    for (const [name, arguments_] of Object.entries(systems)) {
      const expression = `
        let fleetChecks = { probe = { kind = "tcp"; port = 80; }; }; in
        (import ./.).lib.testing.toplevel ${arguments_}`;
      built.set(name, buildInto(store, expression));
    }
  });

  after(async () => {
    for (const machine of machines) await killService(machine);
    spawnSync('chmod', ['-R', 'u+w', folder]);
    await rm(folder, { recursive: true, force: true });
  });

  const machine = async (): Promise<Machine> => {
    const root = await mkdtemp(join(folder, 'root-'));
    const made = { root, port: await freePort() };
    machines.push(made);
    return made;
  };

  const environmentOf = ({ root, port }: Machine): Record<string, string> => ({
    PATH: process.env.PATH ?? '',
    NIXFLEET_SYSTEM_ROOT: root,
    NIXFLEET_NODE: process.execPath,
    NIXFLEET_SERVICE_PORT: String(port),
  });

  const act = async (on: Machine, name: SystemName, action: string): Promise<Outcome> => {
    const child = spawn(join(system(name).path, 'bin', 'switch-to-configuration'), [action], {
      env: environmentOf(on),
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: actionMsMax,
    });
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, stderr };
  };

  const current = (on: Machine): Promise<string> => readlink(join(on.root, 'run', 'current-system'));

  test('has the layout of a NixOS toplevel', async () => {
    const { path, storePath } = system('first');
    assert.equal(StorePath.parse(storePath), storePath);
    assert.match(basename(storePath), /^[0-9a-z]{32}-nixos-system-web-1-1\.0\.0$/);
    const entries = await readdir(path);
    for (const entry of ['activate', 'bin', 'etc', 'init', 'initrd', 'kernel', 'nixos-version', 'sw', 'system']) {
      assert.ok(entries.includes(entry), entry);
    }
    assert.match(await readlink(join(path, 'kernel')), /-linux-6\.6\.1\/bzImage$/);
    assert.match(await readlink(join(system('second').path, 'initrd')), /-initrd-linux-6\.6\.2\/initrd$/);
    const checks = await readFile(join(path, 'etc', 'nixfleet', 'health-checks.json'), 'utf8');
    assert.deepEqual(Object.keys(HealthChecks.parse(JSON.parse(checks)).checks), ['probe']);
  });

  test('has a runtime closure of several named paths', () => {
    const names = closureOf(store, system('first').storePath).map((path) => basename(path).slice(33));
    assert.deepEqual(names.sort(), ['app-1.0.0', 'initrd-linux-6.6.1', 'linux-6.6.1', 'nixos-system-web-1-1.0.0']);
  });

  test('test activates and starts the service, and leaves the boot default alone', async () => {
    const on = await machine();
    assert.deepEqual((await act(on, 'first', 'test')).code, 0);
    assert.equal(await current(on), system('first').storePath);
    assert.deepEqual(await get(on, '/'), { status: 200, body: { version: '1.0.0' } });
    assert.deepEqual(await get(on, '/healthz'), { status: 200, body: { healthy: true, version: '1.0.0' } });
    await assert.rejects(stat(join(on.root, 'boot')), { code: 'ENOENT' });
  });

  test('boot sets the boot default and nothing else; switch does both', async () => {
    const on = await machine();
    assert.equal((await act(on, 'first', 'boot')).code, 0);
    assert.equal(await readlink(join(on.root, 'boot', 'default-system')), system('first').storePath);
    await assert.rejects(current(on), { code: 'ENOENT' });
    assert.equal((await act(on, 'second', 'switch')).code, 0);
    assert.equal(await readlink(join(on.root, 'boot', 'default-system')), system('second').storePath);
    assert.equal(await current(on), system('second').storePath);
  });

  test('a switch replaces the service, and back; one that changes nothing leaves it running', async () => {
    const on = await machine();
    await act(on, 'first', 'switch');
    const first = await servicePid(on);
    assert.equal((await act(on, 'first', 'switch')).code, 0);
    assert.equal(await servicePid(on), first);
    assert.equal((await act(on, 'unhealthy', 'test')).code, 0);
    assert.deepEqual(await get(on, '/healthz'), { status: 500, body: { healthy: false, version: '1.2.0' } });
    assert.equal((await act(on, 'first', 'test')).code, 0);
    assert.deepEqual(await get(on, '/'), { status: 200, body: { version: '1.0.0' } });
    assert.equal((await act(on, 'idle', 'test')).code, 0);
    await assert.rejects(get(on, '/'));
  });

  test('dry-activate says what would be done and does nothing', async () => {
    const on = await machine();
    await act(on, 'first', 'switch');
    const { code, stderr } = await act(on, 'second', 'dry-activate');
    assert.equal(code, 0);
    assert.match(stderr, /would stop app\.service\n.*would start app\.service/);
    assert.equal(await current(on), system('first').storePath);
    assert.deepEqual(await get(on, '/'), { status: 200, body: { version: '1.0.0' } });
  });

  test('anything else is a usage error and does nothing', async () => {
    const on = await machine();
    const { code, stderr } = await act(on, 'first', 'reboot');
    assert.equal(code, 1);
    assert.match(stderr, /usage: .*switch\|boot\|test\|dry-activate/);
    assert.deepEqual(await readdir(on.root), []);
  });

  test('the network is cut while a system that cuts it is active', async () => {
    const on = await machine();
    await act(on, 'first', 'switch');
    await act(on, 'cutOff', 'test');
    assert.ok((await stat(join(on.root, 'run', 'network-cut'))).isFile());
    await act(on, 'first', 'test');
    await assert.rejects(stat(join(on.root, 'run', 'network-cut')), { code: 'ENOENT' });
  });

  test('an exit code is given after a complete activation', async () => {
    const on = await machine();
    assert.equal((await act(on, 'failing', 'test')).code, 4);
    assert.equal(await current(on), system('failing').storePath);
  });

  test('a hanging activation can be reverted while it hangs, and after it was killed', async () => {
    const on = await machine();
    await act(on, 'first', 'switch');
    const hanging = spawn(join(system('hanging').path, 'bin', 'switch-to-configuration'), ['test'], {
      env: environmentOf(on),
      stdio: ['ignore', 'ignore', 'pipe'],
      detached: true,
    });
    const [said] = (await once(hanging.stderr.setEncoding('utf8'), 'data')) as [string];
    const heard = said.includes('hanging') ? said : String(await once(hanging.stderr, 'data'));
    assert.match(heard, /hanging/);
    await assert.rejects(get(on, '/'));
    assert.equal((await act(on, 'first', 'test')).code, 0);
    const exited = once(hanging, 'exit');
    process.kill(-(hanging.pid ?? 0), 'SIGKILL');
    await exited;
    assert.deepEqual(await get(on, '/'), { status: 200, body: { version: '1.0.0' } });
    assert.equal(await current(on), system('first').storePath);
  });

  test('the service is in a session of its own, without the lock and the pipes of its activation', async () => {
    const on = await machine();
    // `close` comes only once nobody holds the activation's output any more.
    assert.equal((await act(on, 'first', 'test')).code, 0);
    const pid = await servicePid(on);
    const [, , group, session] = (await readFile(`/proc/${pid}/stat`, 'utf8')).replace(/^.*\) /s, '').split(' ');
    assert.deepEqual([group, session], [String(pid), String(pid)]);
    const descriptors = await readdir(`/proc/${pid}/fd`);
    const open = await Promise.all(descriptors.map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => '')));
    assert.deepEqual(
      open.filter((path) => path.endsWith('.lock')),
      [],
    );
  });

  test("a pid that is somebody else's by now is left alone", async () => {
    const on = await machine();
    await act(on, 'first', 'switch');
    const bystander = spawn('sleep', ['60'], { stdio: 'ignore' });
    const identity = join(on.root, 'run', 'nixfleet-service', 'identity');
    const [pid, ...rest] = (await readFile(identity, 'utf8')).trim().split(' ');
    process.kill(Number(pid), 'SIGKILL');
    await writeFile(identity, `${[bystander.pid, ...rest].join(' ')}\n`);
    assert.equal((await act(on, 'second', 'test')).code, 0);
    assert.equal(bystander.exitCode ?? bystander.signalCode, null);
    assert.deepEqual(await get(on, '/'), { status: 200, body: { version: '1.1.0' } });
    const exited = once(bystander, 'exit');
    bystander.kill('SIGKILL');
    await exited;
  });

  test('a service that cannot start is a failed unit, at once', async () => {
    const on = await machine();
    const occupant = createServer();
    occupant.listen(on.port, '127.0.0.1');
    await once(occupant, 'listening');
    const { code, stderr } = await act(on, 'first', 'test');
    assert.equal(code, 4);
    assert.match(stderr, /app\.service ended: .*EADDRINUSE/);
    occupant.close();
    await once(occupant, 'close');
    assert.equal((await act(on, 'first', 'test')).code, 0);
  });

  test('an activation that fails says so and starts nothing', async () => {
    const on = await machine();
    // A directory stands where the link belongs.
    await mkdir(join(on.root, 'run', 'current-system', 'in-the-way'), { recursive: true });
    await chmod(join(on.root, 'run'), 0o755);
    assert.equal((await act(on, 'first', 'test')).code, 2);
    await assert.rejects(get(on, '/'));
  });
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  server.close();
  await once(server, 'close');
  return address.port;
}

async function get({ port }: Machine, path: string): Promise<{ status: number; body: unknown }> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`);
  return { status: response.status, body: await response.json() };
}

async function servicePid({ root }: Machine): Promise<number | undefined> {
  try {
    const identity = await readFile(join(root, 'run', 'nixfleet-service', 'identity'), 'utf8');
    return Number(identity.split(' ')[0]);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function killService(machine: Machine): Promise<void> {
  const pid = await servicePid(machine);
  if (pid === undefined) return;
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
