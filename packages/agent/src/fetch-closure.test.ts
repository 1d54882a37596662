import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { type HostTarget, StorePath } from '@nixfleet/contracts';
import { nodeCrypto } from '@nixfleet/contracts/node-crypto';
import { createTestFleet, NixCache, type RealClosure } from '@nixfleet/testkit';
import { fetchClosure } from './fetch-closure.ts';
import type { NixSources } from './nix.ts';
import { NixCommands } from './nix-commands.ts';
import type { FetchProgress } from './nix-log.ts';
import { systemClock } from './system-clock.ts';

const cache = new NixCache();
const directories: string[] = [];
after(() => {
  cache[Symbol.dispose]();
  for (const directory of directories) {
    execFileSync('chmod', ['-R', 'u+w', directory]);
    rmSync(directory, { recursive: true });
  }
});

function newDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'nixfleet-fetch-'));
  directories.push(directory);
  return directory;
}

const fleet = await createTestFleet();
await fleet.publish();
const anyTarget = await fleet.target('canary');
const released = await cache.release({ name: 'web', version: '1', service: false });
const dependency = cache.paths(released.closure).find(({ path }) => path.includes('-app-'))?.path ?? '';

const targetOf = (real: RealClosure): HostTarget => ({
  ...anyTarget,
  closure: real.closure,
  closureDigest: real.closureDigest as HostTarget['closureDigest'],
});

interface Attempt {
  readonly store?: string;
  readonly sources?: Partial<NixSources>;
  readonly environment?: Record<string, string>;
  readonly target?: HostTarget;
  readonly bytesMax?: number | null;
  readonly stalledMs?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: FetchProgress) => void;
}

async function fetchInto(attempt: Attempt = {}) {
  const { store = newDirectory(), sources = {}, environment = {}, target, onProgress, stalledMs } = attempt;
  const { bytesMax = released.closureBytes } = attempt;
  const nix = new NixCommands({
    path: process.env.PATH ?? '',
    storeDirectory: store,
    cacheDirectory: join(store, 'cache'),
    environment,
    clock: systemClock,
    ...(stalledMs === undefined ? {} : { stalledMs }),
  });
  return fetchClosure(target ?? targetOf(released), {
    nix,
    crypto: nodeCrypto,
    sources: { substituters: [cache.substituter], publicKeys: [cache.publicKey], ...sources },
    bytesMax,
    rootLink: join(store, 'root'),
    signal: new AbortController().signal,
    bootShortage: async () => null,
    locate: (path) => path,
    ...(onProgress ? { onProgress } : {}),
  });
}

function reasonOf(fetched: Awaited<ReturnType<typeof fetchInto>>): string {
  return fetched.ok ? 'ok' : fetched.reason;
}

/** Changes a path of a chroot store behind Nix's back. */
function tamper(store: string, path: string): void {
  const file = join(store, path, 'bin/server.js');
  chmodSync(join(store, path, 'bin'), 0o755);
  chmodSync(file, 0o644);
  appendFileSync(file, '// and more\n');
}

test('a released closure is fetched, and protected from the collector', async () => {
  const store = newDirectory();
  assert.equal(reasonOf(await fetchInto({ store })), 'ok');
  execFileSync('nix-store', ['--store', store, '--gc'], { stdio: 'pipe' });
  assert.equal(reasonOf(await fetchInto({ store, sources: { substituters: [] } })), 'ok');
});

test('a path changed in place is found and repaired; without a cache it is refused by name', async () => {
  const store = newDirectory();
  assert.equal(reasonOf(await fetchInto({ store })), 'ok');
  tamper(store, dependency);
  const refused = await fetchInto({ store, sources: { substituters: [] } });
  assert.ok(!refused.ok);
  assert.equal(refused.reason, 'closure-digest-mismatch');
  assert.ok(refused.detail.startsWith(dependency), refused.detail);
  assert.equal(reasonOf(await fetchInto({ store })), 'ok');
  assert.ok(!readFileSync(join(store, dependency, 'bin/server.js'), 'utf8').includes('and more'));
});

/** Another machine's store with other contents under `dependency`, signed into a cache of the thief's by the real key. */
async function poisonedCache(): Promise<NixCache> {
  const thief = new NixCache();
  directories.push(thief.directory);
  const store = newDirectory();
  assert.equal(reasonOf(await fetchInto({ store })), 'ok');
  tamper(store, dependency);
  const nar = execFileSync('nix-store', ['--dump', join(store, dependency)]);
  const lines = execFileSync('nix-store', ['--store', store, '--dump-db', dependency], { encoding: 'utf8' }).split(
    '\n',
  );
  lines[1] = createHash('sha256').update(nar).digest('hex');
  lines[2] = String(nar.length);
  execFileSync('nix-store', ['--store', store, '--load-db'], { input: lines.join('\n') });
  writeFileSync(join(thief.directory, 'secret'), readFileSync(join(cache.directory, 'secret')));
  thief.push(StorePath.parse(released.closure), store);
  return thief;
}

test('a dependency changed and re-signed with the stolen cache key is refused', async () => {
  const thief = await poisonedCache();
  assert.equal(readdirSync(join(thief.directory, 'cache')).filter((name) => name.endsWith('.narinfo')).length, 4);
  const refused = await fetchInto({ sources: { substituters: [thief.substituter] } });
  assert.ok(!refused.ok);
  assert.equal(refused.reason, 'closure-digest-mismatch');
  assert.match(refused.detail, new RegExp(`expected closure digest ${released.closureDigest}`));
});

test('once the poisoned cache is repaired, the same closure and a newer one that shares the path are accepted', async () => {
  const thief = await poisonedCache();
  const poisoned = { substituters: [thief.substituter] };
  const store = newDirectory();
  assert.equal(reasonOf(await fetchInto({ store, sources: poisoned })), 'closure-digest-mismatch');
  assert.equal(reasonOf(await fetchInto({ store })), 'ok', 'the same closure');

  const other = newDirectory();
  assert.equal(reasonOf(await fetchInto({ store: other, sources: poisoned })), 'closure-digest-mismatch');
  const newer = await cache.release({ name: 'web', version: '1', service: false, kernelVersion: '6.6.2' });
  assert.notEqual(newer.closure, released.closure);
  assert.ok(
    cache.paths(newer.closure).some(({ path }) => path === dependency),
    'shares the path',
  );
  assert.equal(reasonOf(await fetchInto({ store: other, target: targetOf(newer) })), 'ok', 'a newer one');
});

test('what a rooted closure uses survives the refusal of another one', async () => {
  const thief = await poisonedCache();
  const store = newDirectory();
  const confirmed = await cache.release({ name: 'database', version: '7', service: false });
  assert.equal(reasonOf(await fetchInto({ store, target: targetOf(confirmed) })), 'ok');
  renameSync(join(store, 'root'), join(store, 'confirmed'));
  execFileSync('nix-store', [
    ...['--store', store, '--realise', confirmed.closure],
    ...['--add-root', join(store, 'confirmed'), '--indirect'],
  ]);
  const refused = await fetchInto({ store, sources: { substituters: [thief.substituter] } });
  assert.equal(reasonOf(refused), 'closure-digest-mismatch');
  const sources = { substituters: [] };
  assert.equal(reasonOf(await fetchInto({ store, sources, target: targetOf(confirmed) })), 'ok');
});

test('owning cache and cache key does not get good paths of another closure overwritten by a repair', async () => {
  const thief = await poisonedCache();
  const store = newDirectory();
  // The dependency is here and good, in use by a confirmed closure; another path of the new release is what is wrong.
  const confirmed = await cache.release({ name: 'web', version: '1', service: false, kernelVersion: '6.6.3' });
  assert.equal(reasonOf(await fetchInto({ store, target: targetOf(confirmed) })), 'ok');
  renameSync(join(store, 'root'), join(store, 'confirmed'));
  const rooted = ['--realise', confirmed.closure, '--add-root', join(store, 'confirmed'), '--indirect'];
  execFileSync('nix-store', ['--store', store, ...rooted], { stdio: 'pipe' });
  const wrong = { ...targetOf(released), closureDigest: 'f'.repeat(64) as HostTarget['closureDigest'] };
  const sources = { substituters: [thief.substituter] };
  assert.equal(reasonOf(await fetchInto({ store, sources, target: wrong })), 'closure-digest-mismatch');
  assert.ok(!readFileSync(join(store, dependency, 'bin/server.js'), 'utf8').includes('and more'));
  assert.equal(reasonOf(await fetchInto({ store, sources: { substituters: [] }, target: targetOf(confirmed) })), 'ok');
});

test('a wrong path that something else still uses is replaced by the signed one', async () => {
  const thief = await poisonedCache();
  const store = newDirectory();
  const nixStore = (...args: string[]) => execFileSync('nix-store', ['--store', store, ...args], { stdio: 'pipe' });
  const trusted = ['--option', 'trusted-public-keys', cache.publicKey];
  const poisoned = ['--option', 'substituters', thief.substituter];
  nixStore(...trusted, ...poisoned, '--realise', dependency, '--add-root', join(store, 'other'), '--indirect');
  assert.ok(readFileSync(join(store, dependency, 'bin/server.js'), 'utf8').includes('and more'));
  assert.equal(reasonOf(await fetchInto({ store })), 'ok');
  assert.ok(!readFileSync(join(store, dependency, 'bin/server.js'), 'utf8').includes('and more'));
});

test('a fetch tells how much of how much it has unpacked', async () => {
  const told: FetchProgress[] = [];
  assert.equal(reasonOf(await fetchInto({ onProgress: (progress) => told.push(progress) })), 'ok');
  const last = told.at(-1);
  assert.ok(last !== undefined && last.totalBytes > 0, JSON.stringify(told));
  assert.equal(last.doneBytes, last.totalBytes, JSON.stringify(told));
});

test('another key, no such path and an empty cache are refused with their reasons', async () => {
  const stranger = 'stranger-1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=';
  assert.equal(reasonOf(await fetchInto({ sources: { publicKeys: [stranger] } })), 'closure-unsigned');
  assert.equal(
    reasonOf(await fetchInto({ sources: { substituters: [`file://${newDirectory()}`] } })),
    'closure-unavailable',
  );
});

test('settings under which signatures are not checked are refused before anything is fetched', async () => {
  const unsafe = 'unsafe-nix-configuration';
  const withConfig = (text: string) => fetchInto({ environment: { NIX_CONFIG: text } });
  assert.equal(reasonOf(await withConfig('require-sigs = false')), unsafe);
  assert.equal(reasonOf(await withConfig(`substituters = ${cache.substituter}?trusted=1`)), unsafe);
  assert.equal(reasonOf(await withConfig('trusted-users = somebody')), unsafe);
  const trusted = [`${cache.substituter}?trusted=true`];
  assert.equal(reasonOf(await fetchInto({ sources: { substituters: trusted } })), unsafe);
  assert.equal(reasonOf(await fetchInto({ sources: { publicKeys: [] } })), unsafe);
});
