import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { HostName, holdPath } from '@nixfleet/contracts';
import { accepted, type TestFleet } from '@nixfleet/testkit';
import { parseFleetSource } from './fleet-source.ts';
import type { ProgressEvent } from './progress.ts';
import { verifyTree } from './publish.ts';
import { type ReleaseRun, signPending } from './release.ts';
import { ReleaseLab } from './release-lab.test.ts';
import type { ReleaseOutcome } from './release-refusal.ts';
import { type Publisher, renewHead } from './sign-and-publish.ts';

const exec = promisify(execFile);

function published(outcome: ReleaseOutcome<ReleaseRun>) {
  const run = accepted(outcome);
  assert.equal(run.kind, 'published');
  assert.ok(run.kind === 'published');
  return run.summary;
}

async function refused(lab: ReleaseLab, outcome: Promise<ReleaseOutcome<unknown>>, reason: string, detail: RegExp) {
  const before = await lab.tip();
  const result = await outcome;
  assert.ok(!result.ok, 'expected a refusal');
  assert.equal(result.reason, reason, result.detail);
  assert.match(result.detail, detail);
  assert.equal(await lab.tip(), before, 'the branch moved');
}

async function tree(lab: ReleaseLab) {
  const snapshot = await lab.target.snapshot();
  const now = lab.clock.instant();
  return { snapshot, ...accepted(await verifyTree(lab.ctx, { tree: snapshot.tree, start: lab.start, now })) };
}

describe('release, with a real store, cache and forge', () => {
  let lab: ReleaseLab;
  before(async () => {
    lab = await ReleaseLab.create();
  });
  after(() => lab[Symbol.asyncDispose]());

  test('the first release is published, and verifies from the pinned trust', async () => {
    const commit = await lab.commit();
    const { changes, warnings } = published(await lab.release());
    assert.deepEqual(warnings, ['a warning', 'canary, web-1: about a host']);
    assert.deepEqual(
      changes.map(({ host, change }) => `${host} ${change}`),
      ['canary new', 'db new', 'web-1 new', 'web-2 new'],
    );
    const { release, manifests, head } = await tree(lab);
    assert.equal(release.document.version, 1);
    assert.equal(release.document.source.commit, commit);
    assert.equal(head.document.version, 1);
    assert.deepEqual([...manifests.keys()].sort(), ['data', 'stable']);
    assert.deepEqual(manifests.get('data')?.document.after, [{ channel: 'stable' }]);
  });

  test('the closure digest is the one that stock tools compute', async () => {
    const { manifests } = await tree(lab);
    const entry = manifests.get('data')?.document.hosts[HostName.parse('db')];
    assert.ok(entry);
    const store = ['--store', lab.at('store'), '--option', 'build-users-group', ''];
    const { stdout } = await exec('nix-store', [...store, '-qR', entry.closure]);
    const lines = [];
    for (const path of stdout.trim().split('\n').sort()) {
      lines.push(`${path} ${(await exec('nix-store', [...store, '-q', '--hash', path])).stdout.trim()}\n`);
    }
    assert.equal(lines.length, 3);
    assert.equal(createHash('sha256').update(lines.join('')).digest('hex'), entry.closureDigest);
  });

  test('another commit that resolves to the same is nothing to release', async () => {
    const tip = await lab.tip();
    await lab.gitCommit('documentation');
    assert.equal(accepted(await lab.release()).kind, 'nothing-to-release');
    assert.equal(await lab.tip(), tip);
  });

  test('only the channel that changed gets a new rollout; the old one may finish; packages are compared', async () => {
    const earlier = await tree(lab);
    lab.versions.db = '1.1';
    await lab.commit();
    const { changes, assembly } = published(await lab.release());
    assert.deepEqual(assembly.changedChannels, ['data']);
    const row = changes.find(({ host }) => host === 'db');
    assert.equal(row?.change, 'changed');
    assert.deepEqual(row.packages, { added: [], removed: [], changed: [{ name: 'app', from: ['1.0'], to: ['1.1'] }] });
    assert.equal(changes.find(({ host }) => host === 'canary')?.change, 'unchanged');
    const now = await tree(lab);
    assert.equal(now.manifests.get('stable')?.rolloutId, earlier.manifests.get('stable')?.rolloutId);
    assert.equal(now.manifests.get('stable')?.document.introducedIn, 1);
    assert.equal(now.manifests.get('data')?.document.introducedIn, 2);
    assert.deepEqual(
      now.mayFinish.map(({ rolloutId }) => rolloutId),
      [earlier.manifests.get('data')?.rolloutId],
    );
  });

  test('a host that does not build aborts, naming it', async () => {
    lab.versions['web-2'] = 'broken';
    await lab.commit();
    await refused(lab, lab.release(), 'build-failed', /web-2 \(build: .*no such option/s);
    const events: ProgressEvent[] = [];
    const ports = { ...lab.ports, progress: { report: (event: ProgressEvent) => void events.push(event) } };
    await lab.release({ ports });
    const told = events.filter(({ state }) => state === 'failed').map(({ detail }) => detail);
    assert.deepEqual(told, ['web-2: nixos-system-web-2: builder failed with exit code 1\nno such option']);
    lab.versions['web-2'] = 'unguarded';
    await lab.commit();
    const unguarded = /web-2 \(build: .*dead-man is not a program: .*services\.nixfleet-agent\.enable = true/s;
    await refused(lab, lab.release(), 'build-failed', unguarded);
    lab.versions['web-2'] = 'unevaluable';
    await lab.commit();
    await refused(lab, lab.release(), 'build-failed', /web-2 \(evaluate: .*the option does not exist/s);
  });

  test('carry-over keeps the closure of a host that does not build, names it, and checks it in the cache', async () => {
    const earlier = await tree(lab);
    lab.versions['web-1'] = '1.2';
    await lab.commit();
    const { changes } = published(await lab.release({ carryOver: true }));
    assert.equal(changes.find(({ host }) => host === 'web-2')?.change, 'carried-over');
    const now = await tree(lab);
    assert.deepEqual(now.release.document.carriedOver, ['web-2']);
    const closure = (of: typeof now, host: string) =>
      of.manifests.get('stable')?.document.hosts[HostName.parse(host)]?.closure;
    assert.equal(closure(now, 'web-2'), closure(earlier, 'web-2'));
    assert.notEqual(closure(now, 'web-1'), closure(earlier, 'web-1'));
    lab.versions['web-2'] = '1.0';
    await lab.commit();
    published(await lab.release());
  });

  test('retry raises the attempt, which later releases keep', async () => {
    const attempt = async () =>
      (await tree(lab)).manifests.get('stable')?.document.hosts[HostName.parse('canary')]?.attempt;
    assert.equal(await attempt(), 1);
    published(await lab.release({ retry: [HostName.parse('canary')] }));
    assert.equal(await attempt(), 2);
    lab.versions['web-1'] = '1.3';
    await lab.commit();
    published(await lab.release());
    assert.equal(await attempt(), 2);
    await refused(lab, lab.release({ retry: [HostName.parse('nobody')] }), 'unknown-retry-host', /nobody/);
  });

  test('a dry run shows everything and changes nothing', async () => {
    const tip = await lab.tip();
    lab.versions.canary = '2.0';
    await writeFile(lab.at('source/versions.json'), JSON.stringify(lab.versions));
    await refused(lab, lab.release(), 'dirty-source', /versions\.json/);
    const run = accepted(await lab.release({ isDryRun: true }));
    assert.ok(run.kind === 'dry-run');
    assert.equal(run.summary.changes.find(({ host }) => host === 'canary')?.change, 'changed');
    assert.equal(await lab.tip(), tip);
    await exec('git', ['-C', lab.at('source'), 'checkout', '--quiet', '.']);
    lab.versions.canary = '1.0';
  });

  test('a commit that does not descend from the last released one is refused', async () => {
    await exec('git', ['-C', lab.at('source'), 'checkout', '--quiet', 'HEAD~1']);
    await refused(lab, lab.release(), 'not-a-descendant', /does not descend/);
    published(await lab.release({ allowRollback: true }));
    await exec('git', ['-C', lab.at('source'), 'checkout', '--quiet', 'main']);
    published(await lab.release());
  });

  test('a flake is evaluated too', async () => {
    await writeFile(lab.at('source/flake.nix'), '{ outputs = _: { fleet = import ./fleet.nix; }; }');
    await lab.gitCommit('flake');
    const fleet = parseFleetSource('.#fleet', { directory: lab.at('source') });
    assert.equal(accepted(await lab.release({ fleet })).kind, 'nothing-to-release');
  });

  test('a new head changes the head alone, and names the holds in force', async () => {
    const earlier = await tree(lab);
    lab.clock.setWall('2026-06-01T20:00:00Z');
    accepted(await renewHead(lab.ctx, await lab.publisher()));
    const now = await tree(lab);
    assert.equal(now.release.sha256, earlier.release.sha256);
    assert.equal(now.head.document.version, earlier.head.document.version + 1);
    assert.deepEqual(now.head.document.holds, []);

    const { sha256, files } = await holdFiles(lab.fleet, lab);
    const { revision } = now.snapshot;
    const later = await lab.target.snapshot();
    assert.equal(later.revision, revision);
    accepted(
      await lab.target.publish({ change: { files, removed: new Set() }, expected: later.revision, message: 'Hold' }),
    );
    accepted(await renewHead(lab.ctx, await lab.publisher()));
    const held = await tree(lab);
    assert.deepEqual(held.head.document.holds, [sha256]);
    assert.equal(held.holds[0]?.document.channel, 'stable');
    lab.clock.setWall('2026-06-02T12:00:00Z');
    accepted(await renewHead(lab.ctx, await lab.publisher()));
    assert.deepEqual((await tree(lab)).head.document.holds, []);
  });

  test('a branch that was put back does not get a new head: the signer knows what it saw', async () => {
    const { snapshot, head } = await tree(lab);
    const older = (await exec('git', ['-C', lab.at('source'), 'rev-parse', `${snapshot.revision}~1`])).stdout.trim();
    const forge = ['-C', lab.at('forge.git'), 'update-ref', 'refs/heads/releases'];
    await exec('git', [...forge, older]);
    await refused(lab, renewHead(lab.ctx, await lab.publisher()), 'rolled-back', /head/);
    await refused(lab, lab.release({ force: true }), 'rolled-back', /head/);
    await exec('git', [...forge, snapshot.revision ?? '']);
    const lost: Publisher = { ...(await lab.publisher()), isFirstUse: false };
    const without = { ...lost, floors: { read: async () => null, write: async () => {} } };
    await refused(lab, renewHead(lab.ctx, without), 'floor-lost', /first use/);
    accepted(await renewHead(lab.ctx, lost));
    assert.equal((await tree(lab)).head.document.version, head.document.version + 1);
  });

  test('a head key alone releases nothing', async () => {
    await refused(
      lab,
      lab.release({ force: true, publisher: await lab.publisher(['ci-head']) }),
      'not-a-signer',
      /release role/,
    );
    await refused(
      lab,
      lab.release({ force: true, publisher: await lab.publisher(['ci'], ['ci']) }),
      'not-a-signer',
      /head role/,
    );
    const pending = accepted(await lab.release({ force: true, publisher: await lab.publisher([]) }));
    assert.equal(pending.kind, 'pending');
  });
});

async function holdFiles(fleet: TestFleet, lab: ReleaseLab) {
  fleet.now = lab.clock.instant();
  await fleet.publish();
  const { sha256 } = await fleet.hold('stable', { seconds: 3600 * 4 });
  const files = new Map([...fleet.files].filter(([path]) => path.startsWith(holdPath(sha256))));
  return { sha256, files };
}

describe('a release that two must sign', () => {
  test('waits in pending/ until both have, and is published once', async () => {
    await using lab = await ReleaseLab.create({ releaseThreshold: 2 });
    const run = accepted(await lab.release());
    assert.ok(run.kind === 'pending' && run.outcome.value.kind === 'pending');
    assert.match(run.outcome.value.missing, /expected 2 distinct signers .* got 1 \(ci\)/);
    const { sha256 } = run.outcome.value;
    const waiting = await lab.target.snapshot();
    assert.equal(await waiting.tree.read('head.json', 10_000), null);
    assert.ok((await waiting.tree.list(`pending/${sha256}/release`)).length > 0);

    const again = accepted(await signPending(lab.ctx, await lab.publisher(['ci']), { sha256 }));
    assert.equal(again.kind, 'pending');
    const done = accepted(await signPending(lab.ctx, await lab.publisher(['ci-spare']), { sha256 }));
    assert.equal(done.kind, 'published');
    const { release, snapshot } = await tree(lab);
    assert.equal(release.sha256, sha256);
    assert.deepEqual(await snapshot.tree.list(`pending/${sha256}/release`), []);
  });
});
