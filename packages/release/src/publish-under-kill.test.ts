import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { pinTrust, type TrustState } from '@nixfleet/contracts';
import { systemClock } from '@nixfleet/contracts/node-clock';
import { accepted, createTestFleet, SeededRandom, type TestFleet } from '@nixfleet/testkit';
import { directoryTarget } from './directory-target.ts';
import { openGit } from './git.ts';
import { gitTarget } from './git-target.ts';
import { verifyTree } from './publish.ts';
import type { ReleaseTarget } from './release-target.ts';
import { systemCommands } from './system-commands.ts';

const exec = promisify(execFile);

/**
 * Run as a process of its own: publishes the files of a folder, and kills itself with SIGKILL at one point. For git the
 * points are before, during and after each command; for a folder, each time a temporary name is drawn, which is before
 * each write and each link. Prints how many points it passed.
 */
const program = `
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
const [kind, place, scratch, from, expected, when, point] = process.argv.slice(1);
const here = ${JSON.stringify(import.meta.dirname)};
const load = (name) => import(join(here, name));
const { systemCommands } = await load('system-commands.ts');
const { systemClock } = await import(${JSON.stringify(import.meta.resolve('@nixfleet/contracts/node-clock'))});
const { systemRandom } = await import(${JSON.stringify(import.meta.resolve('@nixfleet/contracts/node-random'))});
let passed = 0;
const die = (stage, pid) => {
  if (stage !== when || passed !== Number(point)) return;
  if (pid) process.kill(-pid, 'SIGKILL');
  process.kill(process.pid, 'SIGKILL');
};
const real = systemCommands({ clock: systemClock });
const commands = { run: async (request) => {
  passed++;
  die('before');
  const result = await real.run({ ...request, onStart: (pid) => die('during', pid) });
  die('after');
  return result;
} };
const random = { ...systemRandom, bytes: (length) => { passed++; die('before'); return systemRandom.bytes(length); } };
const files = new Map();
for (const entry of await readdir(from, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile()) continue;
  const path = join(entry.parentPath, entry.name);
  files.set(path.slice(from.length + 1), new Uint8Array(await readFile(path)));
}
const target = kind === 'git'
  ? (await load('git-target.ts')).gitTarget((await load('git.ts')).openGit({ commands, directory: scratch }), { remote: place })
  : (await load('directory-target.ts')).directoryTarget(place, { random });
const change = { files, removed: new Set() };
const result = await target.publish({ change, expected: expected === '' ? null : expected, message: 'Release 2' });
process.stdout.write(JSON.stringify({ ok: result.ok, passed }));
`;

describe('publishing, killed with SIGKILL at every point', () => {
  let directory: string;
  let fleet: TestFleet;
  let start: TrustState;
  const at = (name: string) => join(directory, name);
  const stageAt = async (name: string, files: ReadonlyMap<string, Uint8Array>) => {
    for (const [path, bytes] of files) {
      await mkdir(join(at(name), path, '..'), { recursive: true });
      await writeFile(join(at(name), path), bytes);
    }
  };
  /** Null if it was killed. */
  const run = async (kind: string, place: string, expected: string, when = 'never', point = 0) => {
    const args = [
      '--input-type=module-typescript',
      '-e',
      program,
      kind,
      place,
      at('scratch'),
      at('next'),
      expected,
      when,
    ];
    try {
      const { stdout } = await exec(process.execPath, [...args, String(point)], {
        encoding: 'utf8',
        env: { ...process.env, TMPDIR: directory },
      });
      return JSON.parse(stdout) as { ok: boolean; passed: number };
    } catch (error) {
      assert.equal((error as { signal?: string }).signal, 'SIGKILL', String(error));
      return null;
    }
  };
  const versionAt = async (target: ReleaseTarget): Promise<number> => {
    const { tree } = await target.snapshot();
    const verified = accepted(await verifyTree(fleet.ctx, { tree, start, now: fleet.now }));
    assert.equal(verified.head.document.release.version, verified.release.document.version);
    return verified.release.document.version;
  };

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'nixfleet-kill-'));
    fleet = await createTestFleet();
    start = accepted(await pinTrust(fleet.ctx, fleet.trustChain[0]?.bytes ?? new Uint8Array()));
    await fleet.publish();
    await stageAt('first', fleet.files);
    await fleet.publish((next) => {
      for (const host of Object.values(next.hosts)) host.closure = 2;
    });
    const first = new Set((await exec('find', [at('first'), '-type', 'f'])).stdout.split('\n'));
    const changed = [...fleet.files].filter(([path]) => path.startsWith('head') || !first.has(join(at('first'), path)));
    await stageAt('next', new Map(changed));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  test('to a branch: old or new, and whoever comes next can publish', async () => {
    await exec('git', ['init', '--quiet', '--bare', at('forge.git')]);
    await exec('git', ['init', '--quiet', '--bare', at('scratch')]);
    const git = openGit({ commands: systemCommands({ clock: systemClock }), directory: at('scratch') });
    const target = gitTarget(git, { remote: at('forge.git') });
    const before = await publishFolder(target, at('first'));
    const forge = ['-C', at('forge.git'), 'update-ref', 'refs/heads/releases', before];
    const whole = await run('git', at('forge.git'), before);
    assert.deepEqual(whole?.ok, true);
    assert.equal(await versionAt(target), 2);

    const seen = new Set<string>();
    for (const when of ['before', 'during', 'after']) {
      const passed = whole?.passed ?? 0;
      for (let point = 1; point <= passed; point++) {
        // One blob written is like another.
        if (point > 2 && point < passed - 4) continue;
        await exec('git', forge);
        assert.equal(await run('git', at('forge.git'), before, when, point), null, 'was not killed');
        const version = await versionAt(target);
        seen.add(`${when}: ${version}`);
        if (version === 2) continue;
        assert.equal((await target.snapshot()).revision, before);
      }
    }
    assert.ok(seen.has('before: 1') && seen.has('after: 2') && !seen.has('before: 2'), [...seen].join());
    await exec('git', forge);
    assert.equal((await run('git', at('forge.git'), before))?.ok, true);
  });

  test('to a folder: old or new, and whoever comes next can publish', async () => {
    const open = () => directoryTarget(at('folder'), { random: new SeededRandom(1) });
    // A folder that was copied there: plain files.
    await cp(at('first'), at('folder'), { recursive: true });
    const before = (await open().snapshot()).revision;
    assert.equal(before, '1');
    assert.equal(await versionAt(open()), 1);
    await cp(at('folder'), at('kept'), { recursive: true, verbatimSymlinks: true });
    const whole = await run('folder', at('folder'), before);
    assert.equal(whole?.ok, true);
    assert.equal(await versionAt(open()), 2);

    const seen = new Set<number>();
    for (let point = 1; point <= (whole?.passed ?? 0); point++) {
      await rm(at('folder'), { recursive: true });
      await cp(at('kept'), at('folder'), { recursive: true, verbatimSymlinks: true });
      assert.equal(await run('folder', at('folder'), before, 'before', point), null, 'was not killed');
      // A reader that knows nothing of generations, before anybody repairs anything.
      await cp(at('folder'), at('copy'), { recursive: true, dereference: true });
      const plain = await readerVersion(at('copy'));
      await rm(at('copy'), { recursive: true });
      assert.equal(plain, 1, `point ${point}`);
      const version = await versionAt(open());
      seen.add(version);
      const again = await run('folder', at('folder'), (await open().snapshot()).revision ?? '');
      assert.equal(again?.ok, true);
      assert.equal(await versionAt(open()), 2);
    }
    assert.deepEqual([...seen].sort(), [1, 2]);
  });

  test('two at once from the same state: one wins, the other is told', async () => {
    await exec('git', ['init', '--quiet', '--bare', at('forge.git')]);
    await exec('git', ['init', '--quiet', '--bare', at('scratch')]);
    const git = openGit({ commands: systemCommands({ clock: systemClock }), directory: at('scratch') });
    const branch = () => gitTarget(git, { remote: at('forge.git') });
    const folder = () => directoryTarget(at('folder'), { random: new SeededRandom(2) });
    for (const open of [branch, folder]) {
      await publishFolder(open(), at('first'));
      const { revision } = await open().snapshot();
      const change = (text: string) => ({
        files: new Map([[`holds/${text}`, new TextEncoder().encode(text)]]),
        removed: new Set<string>(),
      });
      const first = await open().publish({ change: change('a'), expected: revision, message: 'a' });
      const second = await open().publish({ change: change('b'), expected: revision, message: 'b' });
      assert.ok(first.ok);
      assert.ok(!second.ok && second.reason === 'lost-race', JSON.stringify(second));
      assert.equal(await versionAt(open()), 1);
    }
  });

  test('a remote that refuses is no lost race', async () => {
    await exec('git', ['init', '--quiet', '--bare', at('forge.git')]);
    await exec('git', ['init', '--quiet', '--bare', at('scratch')]);
    await writeFile(at('forge.git/hooks/pre-receive'), '#!/bin/sh\necho not allowed >&2\nexit 1\n', { mode: 0o755 });
    const git = openGit({ commands: systemCommands({ clock: systemClock }), directory: at('scratch') });
    const target = gitTarget(git, { remote: at('forge.git') });
    const change = { files: new Map([['x', new Uint8Array(1)]]), removed: new Set<string>() };
    const result = await target.publish({ change, expected: null, message: 'x' });
    assert.ok(!result.ok && result.reason === 'publish-failed');
    assert.match(result.detail, /not allowed/);
    assert.equal((await target.snapshot()).revision, null);
  });

  async function publishFolder(target: ReleaseTarget, folder: string): Promise<string> {
    const { revision: expected } = await target.snapshot();
    const files = new Map<string, Uint8Array>();
    const tree = (await import('./directory-tree.ts')).openDirectoryTree(folder);
    for (const path of (await exec('find', [folder, '-type', 'f', '-printf', '%P\n'])).stdout.trim().split('\n')) {
      files.set(path, (await tree.read(path, 2 ** 24)) ?? new Uint8Array());
    }
    const change = { files, removed: new Set<string>() };
    return accepted(await target.publish({ change, expected, message: 'Release 1' })).revision;
  }

  async function readerVersion(folder: string): Promise<number> {
    const tree = (await import('./directory-tree.ts')).openDirectoryTree(folder);
    return accepted(await verifyTree(fleet.ctx, { tree, start, now: fleet.now })).release.document.version;
  }
});
