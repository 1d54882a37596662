import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { after, before, beforeEach, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { CacheKey, closureDigest, type HostName, type StorePath } from '@nixfleet/contracts';
import { systemClock } from '@nixfleet/contracts/node-clock';
import { nodeCrypto } from '@nixfleet/contracts/node-crypto';
import { accepted } from '@nixfleet/testkit';
import { verifyCachedClosures } from './cached-closure.ts';
import { closurePaths } from './closure-paths.ts';
import { openCache } from './open-cache.ts';
import type { PathInfo } from './path-info.ts';
import { noProgress } from './progress.ts';
import { pushClosures } from './push.ts';
import { ReleaseLab } from './release-lab.test.ts';
import { narInfoPath, verifyCache } from './verify-cache.ts';

const exec = promisify(execFile);
const host = 'canary' as HostName;

/** Every way a cache can be wrong, against a real one that `nix copy` filled and signed. */
describe('every path is found in the cache under the declared keys', () => {
  let lab: ReleaseLab;
  let infos: PathInfo[];
  let keys: CacheKey[];
  /** The dependency deepest in the closure. */
  let deep: StorePath;
  const file = (path: StorePath) => lab.at(`cache/${narInfoPath(path)}`);
  const check = (given = keys) =>
    verifyCache({ crypto: nodeCrypto, cache: lab.cache, keys: given, closures: new Map([[host, infos]]) });
  const follow = async (given = keys) => {
    const digest = await closureDigest(nodeCrypto, infos);
    const closure = infos.find(({ path }) => path.endsWith('nixos-system-canary'))?.path as StorePath;
    const closures = new Map([[host, { closure, closureDigest: digest, closureBytes: 1 }]]);
    return verifyCachedClosures({ crypto: nodeCrypto, cache: lab.cache, keys: given, closures });
  };
  const edit = async (change: (text: string) => string) => {
    await writeFile(file(deep), change(await readFile(file(deep), 'utf8')));
  };
  const refused = async (code: string, given = keys) => {
    const result = await check(given);
    assert.ok(!result.ok, 'expected a refusal');
    assert.equal(result.reason, 'not-in-cache');
    assert.ok(
      result.problems?.some((problem) => problem.path === deep && problem.code === code),
      result.detail,
    );
    assert.ok(result.detail.includes(deep) && result.detail.includes(code), result.detail);
    assert.deepEqual(result.problems?.find(({ path }) => path === deep)?.hosts, [host]);
  };

  before(async () => {
    lab = await ReleaseLab.create();
    keys = [CacheKey.parse((await readFile(lab.at('cache.public'), 'utf8')).trim())];
  });
  after(() => lab[Symbol.asyncDispose]());
  beforeEach(async () => {
    await rm(lab.at('cache'), { recursive: true, force: true });
    await mkdir(lab.at('cache'));
    infos = await lab.pushed(host);
    deep = infos.find(({ path }) => path.endsWith('libdemo-1.0'))?.path as StorePath;
    assert.ok(deep);
  });

  test('accepted as it is, both ways; also from a folder', async () => {
    assert.deepEqual(accepted(await check()), { paths: 3 });
    assert.deepEqual(accepted(await follow()), { paths: 3 });
    const folder = openCache(`file://${lab.at('cache')}`, { clock: systemClock });
    const closures = new Map([[host, infos]]);
    assert.deepEqual(accepted(await verifyCache({ crypto: nodeCrypto, cache: folder, keys, closures })), { paths: 3 });
    const paths = await closurePaths(
      { ...lab.nix, closureInfo: async () => ({ ok: false, reason: 'nix-failed', detail: '' }) },
      lab.cache,
    )(infos.at(-1)?.path as StorePath);
    assert.ok(paths && paths.length > 0);
  });

  test('a path is missing', async () => {
    await rm(file(deep));
    await refused('missing');
    const followed = await follow();
    assert.ok(!followed.ok && followed.detail.includes(`${deep}: missing`));
  });

  test('its NAR is missing', async () => {
    const url = /^URL: (.*)$/m.exec(await readFile(file(deep), 'utf8'))?.[1] ?? '';
    await rm(lab.at(`cache/${url}`));
    await refused('nar-missing');
  });

  test('unsigned', async () => {
    await edit((text) => text.replace(/^Sig: .*\n/m, ''));
    await refused('unsigned');
    const followed = await follow();
    assert.ok(!followed.ok && followed.detail.includes('unsigned'));
  });

  test('signed by another key of the same name, and by an undeclared one', async () => {
    await exec('nix-store', ['--generate-binary-cache-key', 'cache-1', lab.at('other.secret'), lab.at('other.public')]);
    const other = CacheKey.parse((await readFile(lab.at('other.public'), 'utf8')).trim());
    await refused('wrong-key', [other]);
    await refused('unsigned', [CacheKey.parse(other.replace('cache-1:', 'cache-2:'))]);
    accepted(await check([other, ...keys]));
  });

  test('corrupted: the hash, the size, the references, the whole', async () => {
    await edit((text) =>
      text.replace(/^NarHash: sha256:(.)/m, (_, digit) => `NarHash: sha256:${digit === '1' ? '0' : '1'}`),
    );
    await refused('wrong-nar-hash');
    const followed = await follow();
    assert.ok(!followed.ok && followed.detail.includes('wrong-key'));
    infos = await refill();
    await edit((text) => text.replace(/^NarSize: .*$/m, 'NarSize: 7'));
    await refused('wrong-nar-size');
    infos = await refill();
    await edit((text) => text.replace(/^References: *$/m, `References: ${deep.slice(11)}`));
    await refused('wrong-references');
    infos = await refill();
    await edit((text) => text.slice(0, -3));
    await refused('malformed');
  });

  test("another path's narinfo under this one's name", async () => {
    const other = infos.find(({ path }) => path.endsWith('app-1.0'))?.path as StorePath;
    await rename(file(other), file(deep));
    await refused('wrong-path');
  });

  test('a dependency rebuilt with other contents and re-signed with the stolen cache key: the digest differs', async () => {
    const expected = infos.map((info) =>
      info.path === deep ? { ...info, narHash: infos[0]?.narHash as typeof info.narHash } : info,
    );
    infos = expected;
    const followed = await follow();
    assert.ok(!followed.ok && followed.detail.includes('wrong-closure'), JSON.stringify(followed));
  });

  async function refill(): Promise<PathInfo[]> {
    await rm(lab.at('cache'), { recursive: true, force: true });
    await mkdir(lab.at('cache'));
    return lab.pushed(host);
  }

  test('a push hook gets host, path and hash; a failing one is named', async () => {
    const closures = new Map([[host, infos.at(-1)?.path as StorePath]]);
    const ports = { nix: lab.nix, commands: lab.commands, progress: noProgress, closures };
    const command = `echo "$NIXFLEET_HOST $NIXFLEET_PATH $NIXFLEET_CLOSURE_HASH" > ${lab.at('pushed')}`;
    accepted(await pushClosures({ ...ports, target: { kind: 'hook', command } }));
    const path = closures.get(host) ?? '';
    assert.equal(await readFile(lab.at('pushed'), 'utf8'), `canary ${path} ${path.slice(11)}\n`);
    const failed = await pushClosures({ ...ports, target: { kind: 'hook', command: 'echo disk full >&2; exit 3' } });
    assert.ok(!failed.ok && failed.reason === 'push-failed');
    assert.match(failed.detail, /host canary ended with exit code 3: disk full/);
    const url = `file:///dev/null/nowhere`;
    const copied = await pushClosures({ ...ports, target: { kind: 'copy', url } });
    assert.ok(!copied.ok && copied.reason === 'push-failed');
  });
});
