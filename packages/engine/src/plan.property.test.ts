import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type HostName,
  type Instant,
  instantToMs,
  msToInstant,
  type RolloutId,
  type StorePath,
} from '@nixfleet/contracts';
import fc from 'fast-check';
import { describeWithheld } from './describe-withheld.ts';
import { manifest, PlannedFleet, type SketchedManifest } from './fixtures/fleet.ts';
import { noon } from './fixtures/host.ts';
import { isSwitching, phaseIn } from './host-progress.ts';
import { isRunning } from './host-state.ts';
import { promisedUntil, promiseSecondsMax } from './issued-go.ts';
import { plan } from './plan.ts';
import type { HostView, PlannerRelease, PlannerViews } from './planner-types.ts';
import { selfHeld } from './self-held.ts';

const names = ['a', 'b', 'c', 'd', 'e', 'f'];
const doings = [
  'nothing',
  'fetching',
  'activating',
  'soaking',
  'converged',
  'failed',
  'unconfirmed',
  'refused',
  'issue',
  'held',
  'reinstalled',
] as const;

const doing = fc.record({
  name: fc.constantFrom(...names),
  what: fc.constantFrom(...doings),
  release: fc.integer({ min: 0, max: 2 }),
  minutesSilent: fc.option(fc.integer({ min: 0, max: 30 }), { nil: null, freq: 3 }),
  isReplayed: fc.boolean(),
});

const sketch = fc.record({
  waves: fc.integer({ min: 1, max: 3 }),
  convergedPercent: fc.constantFrom(1, 50, 100),
  receiptsPercent: fc.constantFrom(0, 50, 100),
  grace: fc.constantFrom(null, 0, 600),
  maxFailures: fc.constantFrom({}, { count: 1 }, { percent: 50 }),
  maxInFlight: fc.constantFrom(1, 2, 10),
  fetchesMax: fc.constantFrom(null, 1, 3),
  isEdged: fc.boolean(),
  isChained: fc.boolean(),
  closure: fc.constantFrom('same', 'own'),
});
type Sketch = typeof sketch extends fc.Arbitrary<infer Value> ? Value : never;

/** Within the hour that `anyFleet` looks at: closed at noon, open twice. */
const resolved = {
  windows: [
    { from: '2026-06-01T12:15:00Z', to: '2026-06-01T12:25:00Z' },
    { from: '2026-06-01T12:40:00Z', to: '2026-06-01T12:50:00Z' },
  ],
  resolvedUntil: '2026-06-01T12:55:00Z',
};

function manifestFrom(
  channel: string,
  introducedIn: number,
  hosts: readonly string[],
  from: Sketch & { readonly isWindowed: boolean },
): SketchedManifest {
  const waves = Array.from({ length: from.waves }, (_, wave) =>
    hosts.filter((_name, index) => index % from.waves === wave),
  );
  const [first, second] = hosts;
  return manifest({
    channel,
    introducedIn,
    waves,
    closure: () => (from.closure === 'same' ? 'v1' : `v${introducedIn}`),
    promoteWhen: { convergedPercent: from.convergedPercent, receiptsPercent: from.receiptsPercent },
    policy: { offlineGraceSeconds: from.grace, maxFailures: from.maxFailures, fetchesMax: from.fetchesMax },
    edges: from.isEdged && first && second ? [{ gated: second, gates: first }] : [],
    after: from.isChained && channel === 'stable' ? [{ channel: 'early' }] : [],
    budgets: [{ name: 'all', hosts: names, maxInFlight: from.maxInFlight }],
    ...(from.isWindowed ? resolved : {}),
  });
}

/** Any fleet, in any state its hosts can have told of. */
const anyFleet = fc
  .record({
    sketches: fc.tuple(sketch, sketch, sketch),
    mayFinish: fc.integer({ min: 0, max: 2 }),
    doings: fc.array(doing, { maxLength: 14 }),
    rebuild: fc.option(fc.constantFrom(1, 3), { nil: null, freq: 3 }),
    brake: fc.constantFrom('none', 'hold', 'freeze', 'expired', 'window', 'several'),
    minutes: fc.integer({ min: 0, max: 60 }),
  })
  .map(({ sketches, mayFinish, doings: done, rebuild, brake, minutes }) => {
    const isWindowed = brake === 'window' || brake === 'several';
    const windowed = sketches.map((from) => ({ ...from, isWindowed }));
    const stable = windowed.map((from, index) => manifestFrom('stable', index + 1, names.slice(0, 4), from));
    const early = windowed.map((from, index) => manifestFrom('early', index + 1, names.slice(4), from));
    const [current, ...older] = stable.toReversed();
    const [earlyCurrent] = early.toReversed();
    assert.ok(current && earlyCurrent);
    const soon = '2026-06-01T12:20:00Z' as Instant;
    const freezes = brake === 'freeze' || brake === 'several' ? [{ from: noon, to: soon, reason: 'x' }] : [];
    const then = '2026-06-01T12:45:00Z' as Instant;
    if (brake === 'several') freezes.push({ from: soon, to: then, reason: 'y' });
    const fleet = new PlannedFleet({
      stable: { current, mayFinish: older.slice(0, mayFinish), freezes },
      early: { current: earlyCurrent },
    });
    if (brake === 'hold' || brake === 'several') fleet.holds = [{ channel: 'stable', reason: 'x', expiresAt: soon }];
    if (brake === 'expired') fleet.headExpiresAt = soon;
    if (rebuild !== null) fleet.rebuild = { until: '2026-06-01T12:10:00Z' as Instant, releaseVersion: rebuild };
    for (const { name, what, release, minutesSilent, isReplayed } of done) {
      const of = (names.indexOf(name) < 4 ? stable : early)[release];
      assert.ok(of);
      if (what === 'unconfirmed') fleet.unconfirmed(of, '2026-06-01T12:15:00Z', name);
      else if (what === 'held') {
        fleet.tell(name, { kind: 'local-hold', body: { hold: { until: soon, reason: 'x' } } });
      } else if (what === 'reinstalled') {
        const body = { reason: 'state-lost', running: null, confirmed: null, agentVersion: '1' } as const;
        fleet.tell(name, { kind: 'journal-started', body });
      } else if (what !== 'nothing') fleet[what](of, name);
      const lastSeenAt = msToInstant(instantToMs(noon) - (minutesSilent ?? 0) * 60_000);
      fleet.see(name, { isOnline: minutesSilent === null, lastSeenAt, isReplayed });
    }
    fleet.now = msToInstant(instantToMs(noon) + minutes * 60_000);
    return fleet;
  });

const runs = { numRuns: 400 };

describe('any plan', () => {
  it('P18: every host has a go, or a reason, or has converged and is heard; each reason is a sentence', () => {
    fc.assert(
      fc.property(anyFleet, (fleet) => {
        const { hosts } = fleet.plan();
        for (const name of fleet.names()) {
          const decision = hosts.get(name);
          assert.ok(decision, name);
          const view = fleet.views.get(name);
          for (const withheld of decision.withheld) assert.match(describeWithheld(withheld), /^[A-Z].*\.$/);
          if (decision.go) {
            assert.equal(view?.isOnline || view?.issued !== null || view?.fold?.state.phase.name === 'fetching', true);
            continue;
          }
          if (decision.withheld.length > 0) continue;
          const outcome = view?.fold?.outcomes.get(decision.rolloutId as RolloutId);
          assert.ok(view?.isOnline && outcome?.converged, `${name} has neither go nor reason`);
        }
      }),
      runs,
    );
  });

  it('P19: the same views give the same plan, in whatever order they are listed', () => {
    fc.assert(
      fc.property(anyFleet, (fleet) => {
        const release = fleet.release();
        const expected = fleet.plan();
        assert.deepEqual(fleet.plan(), expected);
        const reversed: PlannerRelease = {
          ...release,
          document: { ...release.document, channels: reverseRecord(release.document.channels) },
          fleet: { ...release.fleet, hosts: reverseRecord(release.fleet.hosts) },
          manifests: new Map(
            [...release.manifests].reverse().map(([id, it]) => [id, { ...it, hosts: reverseRecord(it.hosts) }]),
          ),
        };
        const views: PlannerViews = { hosts: new Map([...fleet.views].reverse()), rebuild: fleet.rebuild };
        const actual = plan(reversed, views, fleet.now);
        assert.deepEqual([...actual.hosts], [...expected.hosts]);
        assert.deepEqual(actual, expected);
      }),
      runs,
    );
  });

  it('P20: the next deadline is ahead, and until it nothing changes without an event', () => {
    fc.assert(
      fc.property(anyFleet, fc.integer({ min: 1, max: 3600 }), (fleet, seconds) => {
        const now = fleet.plan();
        const { nextDeadline } = now;
        if (nextDeadline !== null) assert.ok(fleet.now < nextDeadline);
        const before = msToInstant(instantToMs(fleet.now) + seconds * 1000);
        if (nextDeadline !== null && nextDeadline <= before) return;
        const then = fleet.plan(before);
        const decided = (of: typeof now) =>
          [...of.hosts].map(([name, { go, withheld }]) => [name, go, withheld.map(({ code }) => code)]);
        assert.deepEqual(decided(then), decided(now));
        assert.deepEqual(then.rollouts, now.rollouts);
      }),
      { numRuns: 1000 },
    );
  });

  it('P11: handing out gos one by one, replanning in between, never exceeds a budget or a fetch limit', () => {
    fc.assert(
      fc.property(anyFleet, fc.array(fc.nat(), { maxLength: 12 }), (fleet, picks) => {
        const isTold = (name: HostName, view: HostView) => {
          const { issued, fold } = view;
          if (!issued) return false;
          if (promisedUntil(view, fleet.now) !== null) return true;
          const { rolloutId, at } = issued;
          const isHeld =
            fold !== null &&
            selfHeld(fold.state, {
              rolloutId,
              mayReboot: false,
              now: view.isOnline ? fleet.now : (view.lastSeenAt ?? at),
            }) !== null;
          const wasHeard =
            view.isOnline || instantToMs(view.lastSeenAt ?? at) >= instantToMs(at) + promiseSecondsMax * 1000;
          const hasRefused = phaseIn(view, rolloutId)?.name === 'refused';
          const decision = fleet.plan().hosts.get(name);
          const isThere =
            fold !== null && decision?.entry !== null && isRunning(fold.state, decision?.entry.closure as StorePath);
          const outcome = fold?.outcomes.get(rolloutId);
          if (outcome?.converged || outcome?.failed) return false;
          return !wasHeard && !isHeld && !hasRefused && !isThere && decision?.rolloutId === rolloutId;
        };
        const inFlight = () =>
          [...fleet.views].filter(([name, view]) => isSwitching(view) || isTold(name, view)).length;
        const limit = Math.min(
          ...[...fleet.release().manifests.values()].map(({ budgets }) => budgets[0]?.maxInFlight ?? 99),
        );
        const atFirst = inFlight();
        for (const pick of picks) {
          const plans = [...fleet.plan().hosts].filter(
            ([name, { go }]) => go !== null && fleet.views.get(name)?.issued === null,
          );
          const chosen = plans[pick % Math.max(plans.length, 1)];
          if (!chosen) break;
          const [name, { go }] = chosen;
          if (go) fleet.see(name, { issued: { rolloutId: go.rolloutId, attempt: go.attempt, at: fleet.now } });
          assert.ok(inFlight() <= Math.max(limit, atFirst), `${inFlight()} of ${limit}`);
        }
      }),
      runs,
    );
  });
});

function reverseRecord<Value>(record: Readonly<Record<string, Value>>): Record<string, Value> {
  return Object.fromEntries(Object.entries(record).reverse());
}
