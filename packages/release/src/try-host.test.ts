import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { addSeconds, ChannelName, HostName, lookup, trialsMax } from '@nixfleet/contracts';
import { nodeCrypto } from '@nixfleet/contracts/node-crypto';
import { accepted, testKey } from '@nixfleet/testkit';
import { signerApprover } from './approver.ts';
import { parseFleetSource } from './fleet-source.ts';
import { holdChannel } from './hold.ts';
import { verifyTree } from './publish.ts';
import { ReleaseLab } from './release-lab.test.ts';
import type { ReleaseOutcome } from './release-refusal.ts';
import { endTrial, type TrialInput, tryHost } from './try-host.ts';

const exec = promisify(execFile);
const web1 = HostName.parse('web-1');

describe('try, with a real store, cache and forge', () => {
  let lab: ReleaseLab;
  before(async () => {
    lab = await ReleaseLab.create();
    await lab.commit();
    accepted(await lab.release());
    await git('checkout', '--quiet', '-b', 'experiment');
    lab.versions['web-1'] = '9.9';
    lab.versions['web-2'] = 'broken';
    await lab.commit('experiment');
    await git('checkout', '--quiet', 'main');
    lab.versions['web-1'] = '1.0';
    lab.versions['web-2'] = '1.0';
  });
  after(() => lab[Symbol.asyncDispose]());

  const git = (...args: string[]) => exec('git', ['-C', lab.at('source'), ...args]);

  async function trying(change: Partial<TrialInput> = {}) {
    return tryHost(lab.ports, {
      host: web1,
      ref: 'experiment',
      seconds: 3600,
      fleet: parseFleetSource('fleet.nix', { directory: lab.at('source') }),
      sourceGit: lab.git,
      limits: { workersMax: 2, budgetBytes: 2 ** 31, workerBytes: 2 ** 29 },
      rootsDirectory: await mkdtemp(lab.at('roots-')),
      push: { kind: 'copy', url: `file://${lab.at('cache')}?secret-key=${lab.at('cache.secret')}&compression=none` },
      cache: lab.cache,
      publisher: await lab.publisher(),
      ...change,
    });
  }

  async function published() {
    const { tree } = await lab.target.snapshot();
    return accepted(await verifyTree(lab.ctx, { tree, start: lab.start, now: lab.clock.instant() }));
  }

  async function refused(outcome: Promise<ReleaseOutcome<unknown>>, reason: string, detail: RegExp) {
    const tip = await lab.tip();
    const result = await outcome;
    assert.ok(!result.ok, 'expected a refusal');
    assert.equal(result.reason, reason, result.detail);
    assert.match(result.detail, detail);
    assert.equal(await lab.tip(), tip, 'the branch moved');
  }

  test('a release that differs by the trial alone: one host, the other ref, the same source and rollouts', async () => {
    const earlier = await published();
    const { trial } = accepted(await trying());
    const now = await published();
    const { version, createdAt, trials, ...rest } = now.release.document;
    const { version: before, createdAt: _, ...same } = earlier.release.document;
    assert.deepEqual(rest, same);
    assert.equal(version, before + 1);
    assert.deepEqual(Object.keys(trials ?? {}), ['web-1']);
    const verified = now.trials.get('web-1');
    assert.deepEqual(verified?.entry.closure, trial?.closure);
    assert.notEqual(trial?.closure, lookup(earlier.manifests.get('stable')?.document.hosts ?? {}, web1)?.closure);
    const { document } = verified?.manifest ?? assert.fail();
    assert.equal(document.source.commit, (await git('rev-parse', 'experiment')).stdout.trim());
    assert.deepEqual(Object.keys(document.hosts), ['web-1']);
    assert.deepEqual([document.waves.length, document.edges, document.after], [1, [], []]);
  });

  test('the next release descends from the last released commit as ever, carries the trial on, and drops it when it is over', async () => {
    lab.versions.db = '1.1';
    await lab.commit();
    const run = accepted(await lab.release());
    assert.equal(run.kind, 'published');
    assert.deepEqual(Object.keys((await published()).release.document.trials ?? {}), ['web-1']);
    assert.equal(accepted(await lab.release()).kind, 'nothing-to-release');
    await lab.clock.advance(3600_000);
    assert.equal((await published()).trials.size, 0);
    assert.equal(accepted(await lab.release()).kind, 'nothing-to-release', 'that it ran out is no news');
    accepted(await lab.release({ force: true }));
    assert.equal((await published()).release.document.trials, undefined);
  });

  test('ended before its time; what is not running cannot be ended', async () => {
    accepted(await trying());
    const publisher = await lab.publisher();
    const ended = accepted(await endTrial(lab.ports, { host: web1, publisher }));
    assert.deepEqual([ended.trial, (await published()).trials.size], [null, 0]);
    await refused(endTrial(lab.ports, { host: web1, publisher }), 'missing', /web-1 tries nothing now/);
  });

  test('what stands on the channel for longer than the trial is told with it: it would never begin', async () => {
    const stable = lab.intent.channels.stable ?? assert.fail();
    const at = (hours: number) => addSeconds(lab.clock.instant(), hours * 3600);
    stable.freezes = [
      { from: at(-1), to: at(0.5), reason: 'sale' },
      { from: at(0.5), to: at(2), reason: 'audit' },
    ];
    await lab.commit();
    accepted(await lab.release());
    const told = async (seconds: number) => accepted(await trying({ seconds })).withheld;
    assert.deepEqual(await told(3600), [{ code: 'freeze', until: at(2), reason: 'sale; audit' }]);
    assert.deepEqual(await told(2.5 * 3600), []);
    const approvers = [signerApprover(await testKey('alice'), { crypto: nodeCrypto })];
    const incident = { channel: ChannelName.parse('stable'), reason: 'web is being moved', expiresAt: at(5) };
    accepted(await holdChannel(lab.ctx, { ...(await lab.publisher()), approvers, headSigners: [] }, incident));
    assert.deepEqual(await told(2.5 * 3600), [{ code: 'hold', until: at(5), reason: 'web is being moved' }]);
    stable.freezes = [];
    await lab.commit();
    accepted(await lab.release());
    const publisher = await lab.publisher();
    accepted(await endTrial(lab.ports, { host: web1, publisher }));
  });

  test('each wrong input is one refusal, and nothing is published', async () => {
    await refused(trying({ host: HostName.parse('nobody') }), 'unknown-host', /nobody is not a host/);
    await refused(trying({ ref: 'no-such' }), 'missing', /no-such: no such branch/);
    await refused(trying({ ref: '--upload-pack=x' }), 'missing', /no such branch/);
    await refused(trying({ ref: 'main' }), 'nothing-to-try', /what it runs by the last release/);
    await refused(trying({ host: HostName.parse('web-2') }), 'build-failed', /web-2 at experiment \(build\)/);
    await refused(trying({ seconds: 25 * 3600 }), 'invalid', /within 24 hours/);
    await refused(trying({ sourceGit: null }), 'missing', /from a checkout/);
    const other = await lab.publisher(['stranger']);
    const unsigned = await trying({ publisher: other });
    assert.ok(!unsigned.ok && unsigned.reason === 'not-a-signer', JSON.stringify(unsigned).slice(0, 300));
    assert.ok(trialsMax > 0);
  });

  test('a cache that does not have it is found before anything is signed', async () => {
    await refused(
      trying({ push: null, ref: 'experiment', host: HostName.parse('canary') }),
      'nothing-to-try',
      /canary/,
    );
    await git('checkout', '--quiet', 'experiment');
    lab.versions['web-1'] = '9.10';
    await lab.commit('another');
    await git('checkout', '--quiet', 'main');
    await refused(trying({ push: null }), 'not-in-cache', /missing/);
  });
});
