// Statement (d) of design §1: a corrupted path anywhere in a closure is refused by every agent, and a modified release
// by every control plane and agent.
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { canonicalBytes, type Json, releasePath, rolloutPath } from '@nixfleet/contracts';
import { demoIntent, type TestIntent, testChannel, testHost } from '@nixfleet/testkit';
import { cachedPaths, copyWithout, corruptCopy } from './harness/corrupt-cache.ts';
import { Lab, quick } from './harness/lab.ts';
import { writeReleases } from './harness/release-directory.ts';
import { stays, until } from './harness/until.ts';

/** Both at once, in one wave. */
const pair: TestIntent = quick({
  ...demoIntent(),
  hosts: { canary: testHost('stable'), 'web-1': testHost('stable') },
  channels: { stable: testChannel([['canary', 'web-1']]) },
});
const lab = await Lab.open({ intent: pair });
const copies: string[] = [];
after(async () => {
  await lab[Symbol.asyncDispose]();
  for (const copy of copies) rmSync(copy, { recursive: true, force: true });
});
const [v1, v2, v3, v4, v5, evil] = await Promise.all(
  ['1', '2', '3', '4', '5', 'evil'].map((version) => lab.system(version)),
);
assert.ok(v1 && v2 && v3 && v4 && v5 && evil);
const honest = lab.server.directory;
const canary = lab.host('canary');
const web = lab.host('web-1');
const mirror = join(lab.directory, 'mirror');

/** Of two hosts, one reads a copy of the documents that somebody else keeps, too. */
mkdirSync(mirror);
web.configure((config) => {
  config.mirrors = [{ kind: 'directory', path: mirror }];
  config.mirrorSeconds = 1;
});
await lab.begin(v1);

test('a dependency with other contents, signed by the cache’s key: refused by every agent', async () => {
  const [app] = cachedPaths(honest, 'app-2');
  assert.ok(app);
  const corrupt = corruptCopy(lab.cache, app);
  copies.push(corrupt);
  lab.server.directory = corrupt;
  const marks = lab.hosts.map((host) => host.mark);
  await lab.release(v2);
  for (const [i, host] of lab.hosts.entries()) {
    const { body } = await host.until('refused', { mark: marks[i] ?? null });
    assert.equal(body.reason, 'closure-digest-mismatch', host.name);
    assert.match(body.detail ?? '', new RegExp(v2.closureDigest), 'names what was signed');
    assert.equal(host.running, v1.closure);
    assert.ok(!host.kinds(marks[i]).includes('activating'), host.name);
  }
  await lab.controlPlane.until('shown as refused', ({ hosts }) => {
    return hosts.every(({ withheld }) => withheld.some(({ refusal }) => refusal === 'closure-digest-mismatch'));
  });
});

test('once the cache is honest again, the same paths are healed', async () => {
  lab.server.directory = honest;
  await lab.release(v2, (next) => {
    for (const host of Object.values(next.hosts)) host.attempt++;
  });
  await lab.converged();
});

test('a valid path changed in place is repaired from the cache; else refused, and named', async () => {
  const [linux] = cachedPaths(honest, 'linux-');
  assert.ok(linux);
  const image = canary.locate(`${linux}/bzImage`);
  const tamper = (): void => {
    chmodSync(join(image, '..'), 0o755);
    chmodSync(image, 0o644);
    writeFileSync(image, 'Linux with a back door\n');
  };
  const before = readFileSync(image, 'utf8');
  tamper();
  await lab.release(v3);
  await lab.converged();
  assert.equal(readFileSync(image, 'utf8'), before, 'repaired');

  tamper();
  const poor = copyWithout(lab.cache, linux);
  copies.push(poor);
  lab.server.directory = poor;
  const mark = canary.mark;
  await lab.release(v4);
  const { body } = await canary.until('refused', { mark });
  assert.equal(body.reason, 'closure-digest-mismatch');
  assert.ok(body.detail?.startsWith(`${linux}: contents changed in place`), body.detail);
  await lab.converged(['web-1']);
  assert.equal(canary.running, v3.closure);
  lab.server.directory = honest;
});

test('a modified release is refused by the control plane, and by an agent that reads it from a mirror', async () => {
  await lab.release(v5, (next) => {
    for (const host of Object.values(next.hosts)) host.attempt++;
  });
  await lab.converged();
  const good = await lab.controlPlane.view();
  await lab.write((next) => {
    for (const host of Object.values(next.hosts)) host.attempt++;
  });
  const { manifests, document, version } = lab.fleet.current;
  const manifest = manifests.get('stable');
  assert.ok(manifest);
  const at = lab.fleet.headDocument.release.sha256;
  const otherManifest = structuredClone(manifest.document);
  for (const host of Object.values(otherManifest.hosts)) host.closure = v4.closure;
  const longerManifest = structuredClone(manifest.document);
  for (const host of Object.values(longerManifest.hosts)) host.closure = evil.closure;
  const otherRelease = { ...document, source: { ...document.source, commit: 'f'.repeat(40) } };
  const attacks = [
    {
      document: 'rollout',
      reason: 'hash-mismatch',
      change: new Map([[rolloutPath(manifest.rolloutId), canonicalBytes(otherManifest as unknown as Json)]]),
    },
    {
      document: 'rollout',
      reason: 'oversized',
      change: new Map([[rolloutPath(manifest.rolloutId), canonicalBytes(longerManifest as unknown as Json)]]),
    },
    {
      document: 'release',
      reason: 'hash-mismatch',
      change: new Map([[releasePath(at), canonicalBytes(otherRelease as unknown as Json)]]),
    },
  ];
  for (const { document: name, reason, change } of attacks) {
    const mark = web.mark;
    const tampered = new Map([...lab.fleet.files, ...change]);
    lab.writeTree(tampered);
    writeReleases(mirror, tampered);
    const { body } = await web.until('document-refused', { mark, where: ({ body: told }) => told.document === name });
    assert.equal(body.reason, reason, body.detail);
    const view = await lab.controlPlane.until('a problem', ({ problems }) => problems.length > 0);
    assert.equal(view.release?.version, good.release?.version, 'the last good release is kept');
    for (const host of lab.hosts) assert.equal(host.running, v5.closure);
  }
  rmSync(mirror, { recursive: true });
  mkdirSync(mirror);
  lab.writeTree();
  await lab.untilRead();
  const view = await lab.controlPlane.until('no problem', ({ problems }) => problems.length === 0);
  assert.equal(view.release?.version, version);
  await lab.converged();
});

test('an old head is refused by the agent that reads it from a mirror, and moves nobody back', async () => {
  // The whole tree of release 2, with everything rightly signed at its time.
  const old = new Map(lab.fleet.files);
  const { head } = lab.fleet.releases[1] ?? {};
  assert.ok(head);
  old.set('head.json', head.bytes);
  for (const [keyId, signature] of head.signatures) old.set(`head.json.${keyId}.sig`, signature);
  const mark = web.mark;
  writeReleases(mirror, old);
  const { body } = await web.until('document-refused', { mark });
  assert.deepEqual([body.document, body.reason], ['head', 'rolled-back']);
  await stays('the host stays where it is', () => web.running === v5.closure, 1);
  lab.writeTree(old);
  const view = await until('refused by the control plane too', async () => {
    await lab.controlPlane.refresh();
    const now = await lab.controlPlane.view();
    return now.problems.length > 0 ? now : null;
  });
  assert.equal(view.head?.version, lab.fleet.headDocument.version);
});
