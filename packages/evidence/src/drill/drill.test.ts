import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  addSeconds,
  DrillRecord,
  type EventContent,
  type HostTarget,
  type Instant,
  pinTrust,
  type TrustState,
  verifyEvents,
  walkTrust,
} from '@nixfleet/contracts';
import {
  accepted,
  createTestFleet,
  drilledCatalogue,
  journalDrill,
  present,
  type TestDrillOptions,
  type TestFleet,
  testCatalogue,
} from '@nixfleet/testkit';
import { collectorFailure, declaredDrill } from './declared-drill.ts';
import { drillApproval } from './drill-approval.ts';
import { drillProblem, recheckDrill } from './drill-problem.ts';
import { heldHosts } from './held-hosts.ts';
import { type DrillQuestion, type DrillTrace, drillTrace, observeDrill } from './observe-drill.ts';

/** A canary that fails on purpose, and two web servers that have to wait. */
class DrillWorld {
  readonly fleet: TestFleet;
  readonly target: HostTarget;
  readonly question: DrillQuestion;
  readonly at: Instant;

  private constructor(fleet: TestFleet, target: HostTarget) {
    this.fleet = fleet;
    this.target = target;
    this.at = fleet.now;
    this.question = {
      failAt: 'runtime',
      hosts: ['canary' as never],
      held: ['web-1' as never, 'web-2' as never],
      rolloutId: target.rolloutId,
      limitSeconds: 300,
      observedUntil: addSeconds(fleet.now, 600),
    };
  }

  static async create(): Promise<DrillWorld> {
    const fleet = await createTestFleet();
    await fleet.publish();
    return new DrillWorld(fleet, await fleet.target('canary'));
  }

  /** The canary's drill, and held hosts that wrote something else. */
  async live(options: Partial<TestDrillOptions> = {}, held: readonly EventContent[] = []): Promise<void> {
    await journalDrill(this.fleet, 'canary', { at: this.at, ...options });
    for (const host of ['web-1', 'web-2']) {
      const journal = await this.fleet.journal(host);
      const started = { kind: 'started', body: { running: null, agentVersion: '0.1.0' } } as const;
      for (const content of [started, ...held]) await journal.append(content, { at: this.at });
    }
  }

  async traces(question = this.question): Promise<ReadonlyMap<never, DrillTrace>> {
    const traces = new Map<never, DrillTrace>();
    for (const host of ['canary', 'web-1', 'web-2']) {
      const { journal, events } = await this.fleet.journal(host);
      if (events.length === 0) continue;
      const { publicKey } = await this.fleet.keyOf(`host:${host}`);
      const about = {
        host: host as never,
        keys: [publicKey],
        journal,
        after: null,
        events,
        signatures: 'every',
      } as const;
      const verified = await verifyEvents(this.fleet.ctx, about);
      assert.ok(verified.ok, verified.ok ? '' : verified.detail);
      traces.set(host as never, drillTrace(question, verified.value.events));
    }
    return traces;
  }

  async missing(question = this.question): Promise<string[]> {
    const { steps, passed } = observeDrill(question, await this.traces(question));
    const names = steps.filter(({ isObserved }) => !isObserved).map(({ name }) => name);
    assert.equal(passed, names.length === 0);
    return names;
  }

  record(change: Partial<DrillRecord>): DrillRecord {
    const { failAt, hosts, held, rolloutId, limitSeconds, observedUntil } = this.question;
    return DrillRecord.parse({
      ...{ type: 'drill', fleet: 'demo', schemaVersion: 1, id: 'D-2026-0001', rule: 'SY-01', failAt, hosts, held },
      ...{ rolloutId, limitSeconds, observedUntil, startedAt: this.at, deadline: addSeconds(this.at, 3600) },
      ...change,
    });
  }
}

describe('a drill, as journals show it', () => {
  test('all that a gate has to do, with when and by which events', async () => {
    const world = await DrillWorld.create();
    await world.live();
    const { startedAt, endedAt, steps, passed } = observeDrill(world.question, await world.traces());
    assert.deepEqual([startedAt, endedAt, passed], [world.at, addSeconds(world.at, 30), true]);
    assert.deepEqual(
      steps.map(({ name, afterSeconds, shownBy }) => [name, afterSeconds, shownBy.length]),
      [
        ['failure-reported', 15, 1],
        ['not-confirmed', 20, 1],
        ['reverted', 30, 1],
        ['wave-held', 30, 2],
        ['quarantined', 30, 1],
        ['within-limit', 30, 0],
      ],
    );
    const record = world.record({ startedAt: world.at, endedAt, steps: [...steps], passed });
    assert.equal(drillProblem(record), null);
    assert.deepEqual(recheckDrill(record, await world.traces()), { problem: null, unchecked: [] });
  });

  test('each step that is missing is missed', async () => {
    const cases: readonly [string, readonly string[], Parameters<DrillWorld['live']>, Partial<DrillQuestion>?][] = [
      ['nothing was reported', ['failure-reported'], [{ without: ['compliance-failure'] }]],
      ['it stayed', ['reverted', 'within-limit'], [{ without: ['reverting', 'reverted'] }]],
      ['it took too long', ['within-limit'], [{}], { limitSeconds: 29 }],
      [
        'it was not watched to the end',
        ['reverted', 'within-limit'],
        [{}],
        { observedUntil: addSeconds('2026-06-01T08:00:00Z' as Instant, 29) },
      ],
    ];
    for (const [what, missing, live, change] of cases) {
      const world = await DrillWorld.create();
      await world.live(...live);
      assert.deepEqual(await world.missing({ ...world.question, ...change }), missing, what);
    }
  });

  test('a closure that is confirmed, one that is taken up again, and a wave that goes on', async () => {
    const confirming = await DrillWorld.create();
    const { target } = confirming;
    const confirmed: EventContent = { kind: 'confirmed', body: { target, soakUntil: confirming.at, by: 'local' } };
    await confirming.live({ more: [confirmed] });
    assert.deepEqual(await confirming.missing(), ['not-confirmed']);

    const again = await DrillWorld.create();
    const activating: EventContent = {
      kind: 'activating',
      body: { target: again.target, revertTo: null, deadline: again.at },
    };
    await again.live({ more: [activating] });
    assert.deepEqual(await again.missing(), ['quarantined']);
    const higher = await DrillWorld.create();
    const retry = { ...higher.target, attempt: higher.target.attempt + 1 };
    await higher.live({ more: [{ kind: 'activating', body: { target: retry, revertTo: null, deadline: higher.at } }] });
    assert.deepEqual(await higher.missing(), []);

    const going = await DrillWorld.create();
    const body = { target: { ...going.target, wave: 1 }, revertTo: null, deadline: going.at };
    await going.live({}, [{ kind: 'activating', body }]);
    assert.deepEqual(await going.missing(), ['wave-held']);
  });

  test('a collector that fails is told by its own reason, and not by that of another', async () => {
    const reasons = { timeout: 'timeout', malformed: 'malformed', stale: 'stale', unsigned: 'unverified' } as const;
    for (const failAt of Object.keys(reasons) as (keyof typeof reasons)[]) {
      for (const reason of Object.values(reasons)) {
        const world = await DrillWorld.create();
        const report: EventContent = {
          kind: 'runtime-gate-error',
          body: {
            ...{ closure: world.target.closure, activation: world.target, reason, mode: 'enforce' },
            ...{ collectorExitCode: null, evidenceCollectedAt: null, activationCompletedAt: null },
          },
        };
        await world.live({ report });
        const expected = reason === reasons[failAt] ? [] : ['failure-reported'];
        assert.deepEqual(await world.missing({ ...world.question, failAt }), expected, `${failAt}: ${reason}`);
      }
    }
  });

  test('an error of the probe is no proof that a failure stops anything, nor is another rule’s', async () => {
    const cases: readonly (readonly ['fail' | 'error', readonly string[]])[] = [
      ['error', ['SY-01']],
      ['fail', []],
    ];
    for (const [status, ruleIds] of cases) {
      const world = await DrillWorld.create();
      const { target } = world;
      const nothing = '0'.repeat(64) as never;
      const report: EventContent = {
        kind: 'compliance-failure',
        body: {
          ...{ closure: target.closure, activation: target, controlId: 'synthetic-always-fail' as never, status },
          ...{ ruleIds: ruleIds as never[], mode: 'enforce', frameworkArticles: {}, snippet: '{}' },
          ...{ evidenceSha256: nothing, evidenceCollectedAt: world.at, evidenceSnippetSha256: nothing },
        },
      };
      await world.live({ report });
      assert.deepEqual(await world.missing(), ['failure-reported']);
    }
  });

  test('an approver’s word holds after they left, for what they signed before; for no later record', async () => {
    const world = await DrillWorld.create();
    const { fleet, at } = world;
    const endedAt = addSeconds(at, 30);
    const { steps } = observeDrill(world.question, new Map());
    fleet.pass(600);
    const left = fleet.now;
    await fleet.nextTrust((draft) => {
      Object.assign(draft.roles.approver, { signers: ['bob'], emergencyThreshold: 1 });
    });
    const [first, second] = fleet.trustChain;
    const start = accepted(await pinTrust(fleet.ctx, present(first, 'trust 1').bytes));
    const next = accepted(await walkTrust(fleet.ctx, { current: start, next: [present(second, 'trust 2')] }));
    const judge = async (trust: readonly TrustState[], by: string, observedUntil: Instant) => {
      const record = world.record({ endedAt, steps: [...steps], passed: false, observedUntil });
      const signed = await fleet.sign(record, [], [by]);
      return drillApproval(fleet.ctx, { trust, record, signed });
    };
    const before = addSeconds(left, -1);
    assert.equal(await judge([start], 'alice', before), 'current');
    assert.equal(await judge([start, next], 'alice', before), 'former');
    assert.equal(await judge([start, next], 'bob', before), 'current');
    assert.equal(
      await judge([start, next], 'alice', left),
      null,
      'it ended before, and was watched until she had left',
    );
    assert.equal(await judge([start, next], 'ci', before), null);
    assert.equal(await judge([next], 'alice', before), null, 'nobody knows who was an approver before');
  });

  test('a record that says more than the journals is found, and hosts without a journal are named', async () => {
    const world = await DrillWorld.create();
    await world.live({ without: ['reverted'] });
    const good = await DrillWorld.create();
    await good.live();
    const { steps, endedAt } = observeDrill(good.question, await good.traces());
    const lie = world.record({ endedAt, steps: [...steps], passed: true });
    assert.equal(drillProblem(lie), null);
    assert.match(recheckDrill(lie, await world.traces()).problem ?? '', /journals say otherwise/);
    for (const name of ['wave-held', 'reverted'] as const) {
      const less = world.record({ endedAt, steps: steps.filter((step) => step.name !== name), passed: true });
      assert.match(recheckDrill(less, await good.traces()).problem ?? '', new RegExp(`nothing of ${name}`));
    }
    const alone = new Map([...(await good.traces())].filter(([host]) => host === 'web-1'));
    const unchecked = recheckDrill(lie, alone);
    assert.deepEqual(unchecked, { problem: null, unchecked: ['canary', 'web-2'] });
    const without = new Map([...(await good.traces())].filter(([host]) => host !== 'web-2'));
    assert.deepEqual(recheckDrill(lie, without), { problem: null, unchecked: ['web-2'] });
  });

  test('a record has to be at one with itself, and to name what it rests on', async () => {
    const world = await DrillWorld.create();
    await world.live();
    const { steps, endedAt } = observeDrill(world.question, await world.traces());
    const base = { endedAt, steps: [...steps], passed: true };
    const cases: readonly [RegExp, Partial<DrillRecord>][] = [
      [/ends before/, { startedAt: addSeconds(endedAt, 1) }],
      [/passed is false/, { passed: false }],
      [/longer than its limit/, { limitSeconds: 10 }],
      [/after the end/, { endedAt: addSeconds(endedAt, -1) }],
      [/does not name the rollout/, { rolloutId: null }],
      [/does not name the commit/, { failAt: 'static' }],
    ];
    for (const [expected, change] of cases)
      assert.match(drillProblem(world.record({ ...base, ...change })) ?? '', expected);
  });

  test('the hosts that have to wait are those of later waves', async () => {
    const world = await DrillWorld.create();
    const manifest = (await world.fleet.verified()).manifests.get('stable')?.document;
    assert.ok(manifest);
    assert.deepEqual(heldHosts(manifest, ['canary' as never]), ['web-1', 'web-2']);
    assert.deepEqual(heldHosts(manifest, ['web-1' as never]), []);
    assert.deepEqual(heldHosts(manifest, ['canary' as never, 'web-1' as never]), ['web-2']);
  });
});

test('what a closure declares of a drill, and how its collector fails', () => {
  assert.equal(declaredDrill(testCatalogue('web-1'), 'enforce'), null);
  const catalogue = drilledCatalogue('web-1', 'stale', 100);
  assert.deepEqual(declaredDrill(catalogue, 'enforce'), { failAt: 'stale', until: 100, mode: 'enforce' });
  assert.equal(collectorFailure(catalogue, 'enforce', 99_999), 'stale');
  assert.equal(collectorFailure(catalogue, 'permissive', 99_999), 'stale');
  assert.equal(collectorFailure(catalogue, 'enforce', 100_000), null, 'over');
  assert.equal(collectorFailure(catalogue, 'disabled', 0), null, 'not measured');
  assert.equal(collectorFailure(drilledCatalogue('web-1', 'runtime', 100), 'enforce', 0), null, 'its probe fails');
});
