import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type {
  CompliancePolicy,
  Forecast,
  HostName,
  HostState,
  Instant,
  RolloutId,
  WithheldCode,
} from '@nixfleet/contracts';
import fc from 'fast-check';
import { type ManifestSketch, manifest, PlannedFleet, type SketchedManifest } from '../fixtures/fleet.ts';
import { at, began, closureOf, stateIn, targetOf } from '../fixtures/host.ts';
import { ModelledFleet } from '../fixtures/modelled-fleet.ts';
import { foldOfState } from '../fold-event.ts';
import { initialHostState } from '../host-state.ts';
import type { HostView } from '../planner-types.ts';
import { type ForecastInput, forecast } from './forecast.ts';

const instant = { fetch: 0, activate: 0, confirm: 0, boot: 0 };
const seconds = { fetch: 60, activate: 20, confirm: 10, boot: 120 };

/** A forecast from `began` of a fleet whose hosts all run `v1`, confirmed. */
function of(
  fleet: PlannedFleet,
  {
    running = 'v1',
    state: more = {},
    ...change
  }: Partial<Omit<ForecastInput, 'release'>> & { readonly running?: string; readonly state?: Partial<HostState> } = {},
): Forecast {
  const release = fleet.release();
  const closure = closureOf(running);
  const state = {
    ...initialHostState,
    running: closure,
    confirmed: { closure, rolloutId: targetOf(1).rolloutId, at: began },
    ...more,
  };
  const view: HostView = {
    fold: foldOfState(state),
    isReplayed: true,
    isOnline: true,
    lastSeenAt: began,
    issued: null,
  };
  const hosts = new Map(Object.keys(release.fleet.hosts).map((name) => [name as HostName, view]));
  return forecast({ release, views: { hosts, rebuild: null }, now: began, secondsOf: () => seconds, ...change });
}

const set = (...names: readonly string[]) => new Set(names as HostName[]);
const plain = (sketch: Partial<ManifestSketch> = {}): SketchedManifest =>
  manifest({ introducedIn: 2, waves: [['a'], ['b', 'c']], soakSeconds: 600, ...sketch });
const fleetOf = (current: SketchedManifest) => new PlannedFleet({ stable: { current } });

function only({ rollouts }: Forecast) {
  const [rollout, ...more] = rollouts;
  assert.ok(rollout);
  assert.deepEqual(more, []);
  return rollout;
}

describe('forecast', () => {
  it('waves in order, each as long as fetch, activation, confirmation and soak take', () => {
    const { waves, startsAt, doneAt, state, blockedBy, waiting } = only(of(fleetOf(plain())));
    assert.deepEqual(waves, [
      { wave: 0, hosts: ['a'], startsAt: began, doneAt: at('2026-06-01T08:11:30Z') },
      { wave: 1, hosts: ['b', 'c'], startsAt: at('2026-06-01T08:11:30Z'), doneAt: at('2026-06-01T08:23:00Z') },
    ]);
    assert.deepEqual([startsAt, doneAt, state], [began, at('2026-06-01T08:23:00Z'), 'converged']);
    assert.deepEqual([blockedBy, waiting], [[], []]);
  });

  it('a budget of one makes the hosts of a wave take turns', () => {
    const budgets = [{ name: 'web', hosts: ['b', 'c'], maxInFlight: 1 }];
    assert.equal(only(of(fleetOf(plain({ budgets })))).doneAt, at('2026-06-01T08:34:30Z'));
  });

  it('a host that runs its target already has nothing to do', () => {
    const rollout = only(of(fleetOf(plain()), { running: 'v2' }));
    assert.deepEqual([rollout.state, rollout.startsAt, rollout.doneAt], ['converged', null, began]);
  });

  it('a freeze, a hold and a closed window are told with their end, and the rollout goes on after them', () => {
    const fleet = new PlannedFleet({
      stable: {
        current: plain({
          windows: [{ from: '2026-06-02T20:00:00Z', to: '2026-06-02T23:00:00Z' }],
          resolvedUntil: '2027-06-01T00:00:00Z',
        }),
        freezes: [{ from: at('2026-06-01T06:00:00Z'), to: at('2026-06-01T18:00:00Z'), reason: 'until Monday' }],
      },
    });
    fleet.holds = [{ channel: 'stable', reason: 'incident', expiresAt: at('2026-06-01T10:00:00Z') }];
    const { blockedBy, startsAt, doneAt } = only(of(fleet));
    assert.deepEqual(
      blockedBy.map(({ withheld, from, to }) => [withheld.code, withheld.until, from, to]),
      [
        ['hold', '2026-06-01T10:00:00Z', began, '2026-06-01T10:00:00Z'],
        ['freeze', '2026-06-01T18:00:00Z', began, '2026-06-01T18:00:00Z'],
        ['outside-window', '2026-06-02T20:00:00Z', began, '2026-06-02T20:00:00Z'],
      ],
    );
    assert.deepEqual([startsAt, doneAt], [at('2026-06-02T20:00:00Z'), at('2026-06-02T20:23:00Z')]);
  });

  it('a window that closes before the last wave: the rest waits for the next one', () => {
    const windows = [
      { from: '2026-06-01T08:00:00Z', to: '2026-06-01T08:11:00Z' },
      { from: '2026-06-02T08:00:00Z', to: '2026-06-02T09:00:00Z' },
    ];
    const { waves, blockedBy } = only(of(fleetOf(plain({ windows, resolvedUntil: '2027-06-01T00:00:00Z' }))));
    assert.equal(waves[0]?.doneAt, at('2026-06-01T08:11:30Z'));
    assert.equal(waves[1]?.startsAt, at('2026-06-02T08:00:00Z'));
    assert.deepEqual(
      blockedBy.map(({ withheld, to }) => [withheld.code, to]),
      [['outside-window', '2026-06-02T08:00:00Z']],
    );
  });

  it('what stands against nobody is not told: a window that closes while hosts soak, or waves wait for them', () => {
    const windows = [
      { from: '2026-06-01T08:00:00Z', to: '2026-06-01T08:05:00Z' },
      { from: '2026-06-01T08:10:00Z', to: '2026-06-01T08:15:00Z' },
      { from: '2026-06-02T08:00:00Z', to: '2026-06-02T09:00:00Z' },
    ];
    const { blockedBy, doneAt } = only(of(fleetOf(plain({ windows, resolvedUntil: '2027-06-01T00:00:00Z' }))));
    assert.deepEqual([blockedBy, doneAt], [[], at('2026-06-01T08:23:00Z')]);
  });

  it('what keeps hosts from starting is told: an earlier channel, a channel that observes, a halt, a hold of a host', () => {
    const fleet = new PlannedFleet({
      first: { current: plain({ channel: 'first', waves: [['x']] }) },
      stable: { current: plain({ after: [{ channel: 'first' }] }) },
    });
    const codes = ({ blockedBy }: Forecast['rollouts'][number]) =>
      blockedBy.map(({ withheld, to }) => [withheld.code, to]);
    const [first, second] = of(fleet).rollouts;
    assert.ok(first && second);
    assert.deepEqual([codes(first), codes(second)], [[], [['channel-edge', first.doneAt]]]);
    assert.deepEqual(codes(only(of(fleetOf(plain({ policy: { mode: 'observe' } }))))), [['observe', null]]);
    assert.deepEqual(codes(only(of(fleetOf(plain()), { fails: set('a') }))), [['halted', null]]);
    const held = { until: at('2026-06-01T13:00:00Z'), reason: 'disk' };
    const { blockedBy, startsAt } = only(of(fleetOf(plain()), { state: { localHold: held } }));
    assert.deepEqual(startsAt, held.until);
    assert.deepEqual(
      blockedBy.map(({ withheld, to }) => [withheld.code, withheld.names, to]),
      [['local-hold', ['a'], held.until]],
    );
  });

  it('what if a host is offline: without a grace its wave never ends, with one the next goes on after it', () => {
    const stuck = only(of(fleetOf(plain()), { offline: set('a') }));
    assert.deepEqual([stuck.state, stuck.doneAt, stuck.startsAt], ['waiting', null, null]);
    assert.deepEqual(
      stuck.waiting.map(({ host, withheld }) => [host, withheld[0]?.code, withheld[0]?.names]),
      [
        ['a', 'offline', ['a']],
        ['b', 'wave', ['a']],
        ['c', 'wave', ['a']],
      ],
    );
    const graced = plain({
      policy: { offlineGraceSeconds: 1800 },
      promoteWhen: { convergedPercent: 100, receiptsPercent: 0 },
    });
    const passed = only(of(fleetOf(graced), { offline: set('a') }));
    assert.deepEqual([passed.leftBehind, passed.state], [['a'], 'converged']);
    assert.equal(passed.waves[1]?.startsAt, at('2026-06-01T08:30:00Z'));
  });

  it('what if a host is offline whose receipt is demanded: nobody goes on, and nobody is said to be left behind', () => {
    const { leftBehind, state, waiting } = only(
      of(fleetOf(plain({ policy: { offlineGraceSeconds: 1800 } })), { offline: set('a') }),
    );
    assert.deepEqual([leftBehind, state], [[], 'waiting']);
    const wave = { code: 'wave', names: ['a'], have: 0, need: 1, reason: 'receipts' };
    assert.deepEqual(waiting.find(({ host }) => host === 'b')?.withheld, [wave]);
  });

  it('what if a host fails: the rollout halts, it goes back, the others are told why they wait', () => {
    const { state, failed, doneAt, waiting, waves } = only(of(fleetOf(plain()), { fails: set('a') }));
    assert.deepEqual([state, failed, doneAt], ['reverted', ['a'], null]);
    assert.deepEqual(
      waiting.map(({ host, withheld }) => [host, withheld[0]?.code]),
      [
        ['a', 'failed'],
        ['b', 'halted'],
        ['c', 'halted'],
      ],
    );
    assert.equal(waves[1]?.startsAt, null);
    const borne = only(of(fleetOf(plain({ policy: { maxFailures: { count: 1 } } })), { fails: set('c') }));
    assert.deepEqual([borne.state, borne.failed], ['active', ['c']]);
    assert.deepEqual(
      borne.waiting.map(({ host, withheld }) => [host, withheld[0]?.code]),
      [['c', 'failed']],
    );
  });

  it('where evidence decides, the controls of each wave pass with its checks, and the next one opens', () => {
    const compliance: CompliancePolicy = { mode: 'enforce', frameworks: ['nis2'] };
    const enforcing = (more: Partial<ManifestSketch['policy']> = {}) => plain({ policy: { compliance, ...more } });
    const { waves, state, waiting } = only(of(fleetOf(enforcing())));
    assert.deepEqual(
      [waves[0]?.doneAt, waves[1]?.startsAt, waves[1]?.doneAt, state, waiting],
      [at('2026-06-01T08:11:30Z'), at('2026-06-01T08:11:30Z'), at('2026-06-01T08:23:00Z'), 'converged', []],
    );
    const rebooting = only(of(fleetOf(enforcing({ reboot: 'immediate' })), { needsBoot: set('a', 'b', 'c') }));
    assert.equal(rebooting.state, 'converged', 'a boot forgets what was measured before it');

    const [first, second] = ['v1', 'v2'];
    const same = manifest({
      ...{ introducedIn: 2, waves: [['a'], ['b', 'c']], soakSeconds: 600, policy: { compliance } },
      closure: (host) => (host === 'a' ? first : second),
    });
    const unmeasured = only(of(fleetOf(same)));
    assert.deepEqual([unmeasured.state, unmeasured.waves[1]?.startsAt], ['converged', at('2026-06-01T08:00:10Z')]);

    for (const [mode, startsAt] of [
      ['enforce', null],
      ['permissive', at('2026-06-01T08:11:30Z')],
    ] as const) {
      const borne = plain({
        ...{ waves: [['a', 'b'], ['c']], promoteWhen: { convergedPercent: 50, receiptsPercent: 50 } },
        policy: { compliance: { ...compliance, mode }, maxFailures: { count: 1 } },
      });
      const failing = only(of(fleetOf(borne), { fails: set('a') }));
      assert.deepEqual([failing.failed, failing.waves[1]?.startsAt], [['a'], startsAt], mode);
    }
  });

  it('a boot that the policy asks for is part of it, within the budget', () => {
    const rebooting = plain({ policy: { reboot: 'immediate' } });
    const { doneAt, state } = only(of(fleetOf(rebooting), { needsBoot: set('a') }));
    assert.equal(state, 'converged');
    assert.ok(doneAt && doneAt > at('2026-06-01T08:23:00Z'), String(doneAt));
    assert.equal(only(of(fleetOf(plain()), { needsBoot: set('a') })).doneAt, at('2026-06-01T08:23:00Z'));
  });

  it('channels that wait for one another, and earlier rollouts that finish first', () => {
    const fleet = new PlannedFleet({
      first: { current: plain({ channel: 'first', waves: [['x']] }) },
      stable: { current: plain({ after: [{ channel: 'first' }] }) },
    });
    const told = of(fleet);
    const of1 = (channel: string) => told.rollouts.find((rollout) => rollout.channel === channel);
    assert.equal(of1('stable')?.startsAt, of1('first')?.doneAt);
    const before = manifest({ introducedIn: 1, waves: [['a'], ['b', 'c']], closure: () => 'v0', soakSeconds: 600 });
    const finishing = new PlannedFleet({ stable: { current: plain(), mayFinish: [before] } });
    const closure = closureOf('v0');
    const confirmed = { closure, rolloutId: before.rolloutId, at: began };
    const state = stateIn('soaking', { running: closure, confirmed });
    assert.ok('target' in state.phase);
    const target = { ...state.phase.target, rolloutId: before.rolloutId, closure };
    const soaking = { ...state, phase: { ...state.phase, name: 'soaking', target } } as typeof state;
    const release = finishing.release();
    const view: HostView = {
      fold: foldOfState(soaking),
      isReplayed: true,
      isOnline: true,
      lastSeenAt: began,
      issued: null,
    };
    const idle: HostView = { ...view, fold: foldOfState(initialHostState) };
    const hosts = new Map(['a', 'b', 'c'].map((name) => [name as HostName, name === 'a' ? view : idle]));
    const { rollouts } = forecast({ release, views: { hosts, rebuild: null }, now: began, secondsOf: () => seconds });
    const [second, first] = [
      rollouts.find(({ displayName }) => displayName === 'stable@2'),
      rollouts.find(({ displayName }) => displayName === 'stable@1'),
    ];
    assert.ok(first && second?.startsAt && second.doneAt);
    assert.ok(
      second.blockedBy.some(({ withheld, to }) => withheld.code === 'waiting-for-rollout' && to === second.startsAt),
    );
  });

  it('a trial goes on to its end, then its host gets what its channel runs', () => {
    const until = at('2026-06-01T09:00:00Z');
    const fleet = fleetOf(plain());
    const tried = { ...plain({ waves: [['b']], closure: () => 'tried' }), rolloutId: 'f'.repeat(64) as RolloutId };
    fleet.trials.set('b', { of: tried, expiresAt: until });
    const { state, waves } = only(of(fleet));
    assert.equal(state, 'converged');
    assert.deepEqual(waves[0]?.doneAt, at('2026-06-01T08:11:30Z'), 'the others do not wait for it');
    // Switched back at its end, then fetched, switched, confirmed and soaked like any other.
    assert.equal(waves[1]?.doneAt, at('2026-06-01T09:11:50Z'));
  });

  it('what a host told of itself before counts only as long as it is so', () => {
    const done = at('2026-06-01T08:23:00Z');
    const withheld = (code: WithheldCode) => only(of(fleetOf(plain()), { state: { withheld: { code } } }));
    assert.equal(withheld('drift').doneAt, done, 'the machine runs what was confirmed');
    const unsynchronised = withheld('clock-unsynchronised');
    assert.deepEqual(
      [unsynchronised.state, unsynchronised.startsAt],
      ['waiting', null],
      'only it can say that this is over',
    );
    assert.equal(unsynchronised.waiting[0]?.withheld.at(-1)?.code, 'clock-unsynchronised');
    const rebootPending = { since: began, component: 'kernel' };
    const { waves, doneAt, waiting } = only(of(fleetOf(plain()), { state: { rebootPending } }));
    assert.deepEqual([waves[0]?.doneAt, doneAt], [at('2026-06-01T08:11:30Z'), done], 'a boot that nobody is to do');
    assert.deepEqual(waiting[0]?.withheld, [{ code: 'reboot-needed', reason: 'kernel' }]);
  });

  it('what is under way is taken up where it is', () => {
    const current = plain();
    const release = fleetOf(current).release();
    for (const phase of ['fetching', 'activating', 'confirming', 'soaking', 'reverting', 'rebooting'] as const) {
      const state = stateIn(phase);
      assert.ok('target' in state.phase);
      const target = { ...state.phase.target, rolloutId: current.rolloutId, soakSeconds: 600 };
      const fold = foldOfState({ ...state, phase: { ...state.phase, target } as typeof state.phase, quarantine: [] });
      const view: HostView = { fold, isReplayed: true, isOnline: true, lastSeenAt: began, issued: null };
      const hosts = new Map(
        ['a', 'b', 'c'].map((name) => [name as HostName, { ...view, fold: name === 'a' ? fold : null }]),
      );
      const rollout = only(
        forecast({ release, views: { hosts, rebuild: null }, now: began, secondsOf: () => seconds }),
      );
      assert.equal(rollout.state, 'converged', phase);
    }
  });

  it('property: an undisturbed rollout goes as the fleet of real host machines and planner goes, wave by wave', () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    const sketches = fc.record({
      cuts: fc.uniqueArray(fc.integer({ min: 1, max: 5 }), { maxLength: 3 }),
      soak: fc.integer({ min: 0, max: 12 }),
      budget: fc.integer({ min: 1, max: 6 }),
      edge: fc.boolean(),
    });
    fc.assert(
      fc.property(sketches, ({ cuts, soak, budget, edge }) => {
        const at = [0, ...cuts.sort((left, right) => left - right), names.length];
        const waves = at.slice(1).map((end, i) => names.slice(at[i], end));
        const current = manifest({
          introducedIn: 2,
          waves,
          soakSeconds: soak * 10,
          closure: () => 'good',
          budgets: [{ name: 'all', hosts: names, maxInFlight: budget }],
          edges: edge ? [{ gated: 'a', gates: 'b' }].filter(() => waves[0]?.includes('b')) : [],
        });
        const modelled = new ModelledFleet(current, () => 'good');
        for (let round = 0; round < 400 && modelled.last.rollouts[0]?.state !== 'converged'; round++) modelled.round();
        const really = modelled.firstAt('converged', current);
        assert.equal(really.size, names.length);

        const told = only(of(fleetOf(current), { secondsOf: () => instant }));
        assert.equal(told.state, 'converged');
        // The model looks every ten seconds, and each host's turn takes it a few looks; a forecast is exact.
        const turns = names.length + waves.length;
        for (const { hosts, doneAt } of told.waves) {
          const last =
            hosts
              .map((name) => really.get(name) ?? '')
              .sort()
              .at(-1) ?? '';
          assert.ok(doneAt !== null && doneAt <= last, `${doneAt} after ${last}`);
          const late = (Date.parse(last) - Date.parse(doneAt)) / 1000;
          assert.ok(late <= turns * 60, `${late} s late in ${JSON.stringify({ waves, soak, budget, edge })}`);
        }
      }),
      { numRuns: 40 },
    );
  });

  it('property: it ends, and depends on its input alone', () => {
    const any = fc.record({
      offline: fc.subarray(['a', 'b', 'c']),
      fails: fc.subarray(['a', 'b', 'c']),
      grace: fc.option(fc.integer({ min: 0, max: 7200 }), { nil: null }),
      failures: fc.integer({ min: 0, max: 3 }),
    });
    fc.assert(
      fc.property(any, ({ offline, fails, grace, failures }) => {
        const current = plain({ policy: { offlineGraceSeconds: grace, maxFailures: { count: failures } } });
        const input = { offline: set(...offline), fails: set(...fails) };
        const told = only(of(fleetOf(current), input));
        assert.deepEqual(only(of(fleetOf(current), input)), told);
        const isWhole = told.state === 'converged' && told.leftBehind.length === 0;
        assert.equal(isWhole, told.waiting.length === 0);
        for (const { withheld } of told.waiting) assert.ok(withheld.length > 0);
        let before: Instant | null = began;
        for (const { startsAt, doneAt } of told.waves) {
          if (startsAt !== null)
            assert.ok(before !== null && before <= startsAt, 'a wave began before the one before it was done');
          before = doneAt;
        }
      }),
      { numRuns: 60 },
    );
  });
});
