import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { HostName, type ManifestHost } from '@nixfleet/contracts';
import { accepted } from '@nixfleet/testkit';
import { parseFleetSource } from './fleet-source.ts';
import { verifyTree } from './publish.ts';
import type { ReleaseInput } from './release.ts';
import { ReleaseLab } from './release-lab.test.ts';

const db = HostName.parse('db');
const web = HostName.parse('web-1');

/** One story: each release builds on the one before. */
describe('pinned hosts, with a real store, cache and repository', () => {
  let lab: ReleaseLab;
  let firstCommit: string;
  let firstClosures: { db: ManifestHost; web: ManifestHost };

  before(async () => {
    lab = await ReleaseLab.create();
    firstCommit = await lab.commit();
    await released();
    firstClosures = { db: await entry('data', db), web: await entry('stable', web) };
  });
  after(() => lab[Symbol.asyncDispose]());

  const released = async (input: Partial<ReleaseInput> = {}) => {
    const run = accepted(await lab.release(input));
    assert.ok(run.kind === 'published', run.kind);
    return run.summary;
  };
  const entry = async (channel: string, host: HostName): Promise<ManifestHost> => {
    const { tree } = await lab.target.snapshot();
    const verified = accepted(await verifyTree(lab.ctx, { tree, start: lab.start, now: lab.clock.instant() }));
    const found = verified.manifests.get(channel)?.document.hosts[host];
    assert.ok(found);
    return found;
  };
  const pin = (host: string, to: NonNullable<ReleaseLab['intent']['hosts'][string]['pin']> | null) => {
    const declared = lab.intent.hosts[host];
    assert.ok(declared);
    if (to) declared.pin = to;
    else delete declared.pin;
  };
  const versions = (version: string) => {
    for (const host of Object.keys(lab.versions)) lab.versions[host] = version;
  };

  test('a host pinned to a commit is built from it, whatever is released; the manifest says so', async () => {
    versions('2.0');
    const why = { reason: 'driver regression', expiresAt: '2026-06-02T00:00:00Z' };
    pin('web-1', { commit: firstCommit, ...why });
    const commit = await lab.commit();
    const { changes, assembly } = await released();
    const pinned = changes.find(({ host }) => host === 'web-1');
    assert.equal(pinned?.change, 'unchanged');
    assert.deepEqual(pinned?.pin, { commit: firstCommit, ...why, isExpired: false });
    assert.equal(changes.find(({ host }) => host === 'web-2')?.change, 'changed');
    assert.equal(assembly.release.source.commit, commit);
    assert.deepEqual(await entry('stable', web), { ...firstClosures.web, builtFrom: firstCommit });
    assert.equal((await entry('stable', HostName.parse('web-2'))).builtFrom, undefined);
  });

  test('a flake is built from that commit too', async () => {
    await writeFile(lab.at('source/flake.nix'), '{ outputs = _: { fleet = import ./fleet.nix; }; }');
    const withFlake = await lab.gitCommit('flake');
    pin('web-1', { commit: withFlake, reason: 'where the flake is' });
    versions('2.1');
    await lab.commit();
    await released({ fleet: parseFleetSource('.#fleet', { directory: lab.at('source') }) });
    // At that commit the expression had web-1 pinned itself, which counts for nothing: it is asked for its toplevel.
    const found = await entry('stable', web);
    assert.equal(found.builtFrom, withFlake);
    assert.match(found.closure, /nixos-system-web-1$/);
    assert.notEqual(found.closure, firstClosures.web.closure);
  });

  test('from expiresAt on a release takes no notice, and says that the pin is over', async () => {
    pin('web-1', { commit: firstCommit, reason: 'driver regression', expiresAt: '2026-06-02T00:00:00Z' });
    versions('3.0');
    await lab.commit();
    lab.clock.setWall('2026-06-01T23:59:59Z');
    await released();
    assert.equal((await entry('stable', web)).closure, firstClosures.web.closure);
    lab.clock.setWall('2026-06-02T00:00:00Z');
    const { changes } = await released();
    const row = changes.find(({ host }) => host === 'web-1');
    assert.equal(row?.change, 'changed');
    assert.equal(row?.pin?.isExpired, true);
    assert.equal((await entry('stable', web)).builtFrom, undefined);
    const host = lab.intent.hosts['web-1'];
    assert.ok(host);
    host.widerPins = [{ commit: firstCommit, reason: 'the whole channel waits' }];
    await lab.commit();
    const stayed = (await released()).changes.find((change) => change.host === 'web-1');
    assert.deepEqual(stayed?.pin, { ...host.widerPins[0], isExpired: false });
    assert.deepEqual(await entry('stable', web), { ...firstClosures.web, builtFrom: firstCommit });
    delete host.widerPins;
    pin('web-1', null);
  });

  test('a pinned closure is taken as it is, with the digest of all others', async () => {
    pin('db', { closure: firstClosures.db.closure, reason: 'until the vendor answers' });
    versions('4.0');
    await lab.commit();
    await released();
    assert.deepEqual(await entry('data', db), { ...firstClosures.db, builtFrom: null });
  });

  test('refused: a closure that nobody has, a commit that is not here', async () => {
    pin('db', { closure: `/nix/store/${'0'.repeat(32)}-nixos-system-db`, reason: 'a typing error' });
    await lab.commit();
    const nowhere = await lab.release();
    assert.ok(!nowhere.ok && nowhere.reason === 'build-failed', JSON.stringify(nowhere));
    assert.match(nowhere.detail, /^1 of 4 hosts failed: db \(build: /);
    pin('db', { commit: 'f'.repeat(40), reason: 'a typing error' });
    await lab.commit();
    const unknown = await lab.release();
    assert.deepEqual(unknown, {
      ok: false,
      reason: 'pinned-host',
      detail: `host db is pinned to ${'f'.repeat(40)}: it is not in this clone; fetch the whole history`,
    });
  });

  test('refused: a pin to a commit where only a fetched flake is at hand', async () => {
    pin('db', { commit: firstCommit, reason: 'as before' });
    await lab.commit();
    const installable = `git+file://${lab.at('source')}?ref=main#fleet`;
    const result = await lab.release({ fleet: parseFleetSource(installable, { directory: lab.at('source') }) });
    assert.ok(!result.ok && result.reason === 'pinned-host', JSON.stringify(result));
    assert.match(result.detail, /release from a checkout of the repository/);
  });
});
