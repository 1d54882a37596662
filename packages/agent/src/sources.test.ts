import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { createTestFleet } from '@nixfleet/testkit';
import { directorySource } from './directory-source.ts';
import { DocumentCache } from './document-cache.ts';
import type { DocumentSource } from './document-source.ts';
import { fileSystem } from './file-system.ts';
import { gitMirrorSource } from './git-mirror-source.ts';
import { httpsMirrorSource } from './https-mirror-source.ts';
import { systemClock } from './system-clock.ts';

const directory = mkdtempSync(join(tmpdir(), 'nixfleet-sources-'));
after(() => rmSync(directory, { recursive: true }));
const never = new AbortController().signal;
const fleet = await createTestFleet();
await fleet.publish();

function writeTree(to: string): void {
  for (const [path, bytes] of fleet.files) {
    mkdirSync(dirname(join(to, path)), { recursive: true });
    writeFileSync(join(to, path), bytes);
  }
}

async function contentOf(source: DocumentSource, path = 'head.json', bytesMax = 1_000_000): Promise<string> {
  const fetched = await source.get(path, bytesMax, never);
  return fetched.ok ? Buffer.from(fetched.bytes).toString('hex') : fetched.reason;
}
const head = (): string => Buffer.from(fleet.files.get('head.json') ?? []).toString('hex');

test('a directory', async () => {
  writeTree(join(directory, 'tree'));
  const source = directorySource(fileSystem, join(directory, 'tree'));
  assert.equal(await contentOf(source), head());
  assert.equal(await contentOf(source, 'trust/9.json'), 'missing');
  assert.equal(await contentOf(source, 'head.json', 10), 'oversized');
});

test('a git repository, followed as its branch moves; byte for byte', async () => {
  const repository = join(directory, 'repository');
  mkdirSync(repository);
  const git = (...args: string[]): void => {
    execFileSync('git', ['-c', 'user.name=ci', '-c', 'user.email=ci@example.org', ...args], {
      cwd: repository,
      stdio: 'pipe',
    });
  };
  git('init', '-q', '-b', 'releases');
  writeTree(join(repository, 'releases'));
  git('add', '.');
  git('commit', '-q', '-m', 'release 1');
  const logged: string[] = [];
  const source = gitMirrorSource({
    repository,
    branch: 'releases',
    path: 'releases',
    directory: join(directory, 'mirror.git'),
    searchPath: process.env.PATH ?? '',
    files: fileSystem,
    clock: systemClock,
    log: (detail) => logged.push(detail),
  });
  assert.equal(await source.refresh(never), true, logged.join());
  assert.equal(await contentOf(source), head());
  assert.equal(await contentOf(source, 'trust/9.json'), 'missing');
  assert.equal(await contentOf(source, 'head.json', 10), 'oversized');
  const signature = [...fleet.files.keys()].find((path) => path.startsWith('head.json.'));
  assert.equal(await contentOf(source, signature), Buffer.from(fleet.files.get(signature ?? '') ?? []).toString('hex'));

  await fleet.publish();
  writeTree(join(repository, 'releases'));
  git('add', '.');
  // Rewritten, not on top: a mirror follows the branch, and the floors refuse what must not come back.
  git('commit', '-q', '--amend', '-m', 'release 2');
  assert.equal(await source.refresh(never), true, logged.join());
  assert.equal(await contentOf(source), head());
  rmSync(repository, { recursive: true });
  assert.equal(await source.refresh(never), false);
  assert.ok(logged.length > 0);
});

test('a web server that is not there is unreachable', async () => {
  assert.equal(await contentOf(httpsMirrorSource('https://127.0.0.1:1/releases', systemClock)), 'unreachable');
});

test('own copies: a new head takes the place of the old with its signatures; what nobody names is dropped', async () => {
  const cache = new DocumentCache(fileSystem, join(directory, 'cache'));
  const bytes = new Uint8Array([1]);
  const keyOne = 'a'.repeat(64);
  const keyTwo = 'b'.repeat(64);
  await cache.put(
    new Map([
      ['head.json', bytes],
      [`head.json.${keyOne}.sig`, bytes],
      ['fleet/x.json', bytes],
      [`holds/y.json.${keyOne}.sshsig`, bytes],
    ]),
  );
  await cache.put(
    new Map([
      ['head.json', bytes],
      [`head.json.${keyTwo}.sig`, bytes],
    ]),
  );
  assert.deepEqual(await fileSystem.list(join(directory, 'cache')), [
    'fleet',
    'head.json',
    `head.json.${keyTwo}.sig`,
    'holds',
  ]);
  await cache.prune(new Set(['fleet/x.json']));
  assert.deepEqual(await fileSystem.list(join(directory, 'cache/fleet')), ['x.json']);
  assert.deepEqual(await fileSystem.list(join(directory, 'cache/holds')), []);
});
