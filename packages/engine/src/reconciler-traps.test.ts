// Bugs that an earlier implementation had, fixed or open, and its cases: each with the right behaviour here.
// SPEC.md says of the ones that are missing why they cannot exist; spec.test.ts keeps the two together.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { ChannelPolicy, type Instant } from '@nixfleet/contracts';
import { manifest, PlannedFleet, type SketchedManifest, targetIn } from './fixtures/fleet.ts';
import {
  awaitedId,
  closureOf,
  http,
  intentOf,
  memoryIn,
  muchLater,
  noon,
  oldClosure,
  target,
  targetOf,
} from './fixtures/host.ts';
import { absent, only, react, started } from './fixtures/react.ts';

const later = '2026-06-01T13:00:00Z' as Instant;
const fleetOf = (current: SketchedManifest, ...mayFinish: SketchedManifest[]) =>
  new PlannedFleet({ [current.document.channel]: { current, mayFinish } });
const one = manifest({ introducedIn: 1, waves: [['ash', 'elm']] });
const two = manifest({ introducedIn: 1, waves: [['ash'], ['elm']] });
const three = manifest({ introducedIn: 1, waves: [['ash'], ['elm'], ['fir']] });
const edge = manifest({ channel: 'edge', introducedIn: 1, waves: [['x'], ['y']] });
const stable = manifest({ introducedIn: 1, waves: [['ash']], after: [{ channel: 'edge' }] });
const ordered = (first = edge) => new PlannedFleet({ edge: { current: first }, stable: { current: stable } });
const failing = {
  type: 'probe',
  id: awaitedId,
  check: http,
  status: 'fail',
  mode: 'enforce',
  failureThreshold: 1,
} as const;

/** By the number of the trap. */
const traps: Readonly<Record<string, readonly [says: string, check: () => void]>> = {
  1: [
    'a rollout without hosts of its own holds no successor',
    () => {
      const fleet = ordered();
      fleet.moved.set('x', null).set('y', null);
      assert.deepEqual(fleet.goes(), ['ash']);
    },
  ],
  2: [
    'all at once converges only when every declared host has',
    () => {
      const fleet = fleetOf(one);
      assert.equal(fleet.state(one)?.state, 'waiting');
      assert.equal(fleet.converged(one, 'ash').state(one)?.state, 'active');
      assert.equal(fleet.converged(one, 'elm').state(one)?.state, 'converged');
    },
  ],
  3: [
    'a host that ran its target already counts like one that soaked',
    () => {
      const fleet = fleetOf(two);
      fleet.tell('ash', { kind: 'converged', body: { target: targetIn(two, 'ash'), switched: false } });
      assert.deepEqual(fleet.goes(), ['elm']);
    },
  ],
  4: [
    'a quarantined closure is neither offered nor taken',
    () => {
      const fleet = fleetOf(manifest({ introducedIn: 2, waves: [['ash']], closure: () => 'v1' })).failed(one, 'ash');
      assert.deepEqual([fleet.goes(), fleet.codes('ash')[0]], [[], 'quarantined']);
      const given = { type: 'intent', intent: intentOf(targetOf(3, { closure: 'v2' })) } as const;
      assert.deepEqual(react(memoryIn('reverted'), given).kinds, ['withheld']);
    },
  ],
  5: [
    'what is replayed from a checkpoint knows its quarantine',
    () => {
      const state = fleetOf(one)
        .failed(one, 'ash')
        .views.get('ash' as never)?.fold?.state;
      assert.ok(state);
      const again = manifest({ introducedIn: 2, waves: [['ash']], closure: () => 'v1' });
      assert.deepEqual(fleetOf(again).tell('ash', { kind: 'checkpoint', body: { state } }).codes('ash'), [
        'quarantined',
      ]);
    },
  ],
  6: [
    'without a soak nothing converges before its probes are known and have passed',
    () => {
      const soaking = memoryIn('soaking', { enforced: null });
      assert.deepEqual(react(soaking, { type: 'tick' }, muchLater).kinds, []);
      const unprobed = memoryIn('soaking', { enforced: [http] });
      assert.deepEqual(react(unprobed, { type: 'tick' }, muchLater).kinds, []);
    },
  ],
  7: [
    'a failing enforced probe ends the soak as a failure; an observing one is told and fails nothing, as declared',
    () => {
      assert.deepEqual(react(memoryIn('soaking'), failing).kinds, ['probe', 'failed', 'reverting']);
      assert.deepEqual(react(memoryIn('soaking'), { ...failing, mode: 'observe' }).kinds, ['probe']);
    },
  ],
  8: [
    'a fetch of a release that turns out bad is called back before it switches',
    () => {
      const fleet = fleetOf(one).fetching(one, 'elm').failed(one, 'ash');
      assert.deepEqual([fleet.goes(), fleet.codes('elm')[0]], [[], 'halted']);
      const told = { type: 'rechecked', id: awaitedId, intent: intentOf(target, { hasGo: false }) } as const;
      const memory = memoryIn('fetching', { busy: { type: 'recheck', id: awaitedId } });
      assert.deepEqual(react(memory, told).types, []);
    },
  ],
  9: [
    'failures are counted by host, however often a host fails',
    () => {
      const current = manifest({ introducedIn: 1, waves: [['ash', 'elm']], policy: { maxFailures: { count: 1 } } });
      const fleet = fleetOf(current).failed(current, 'ash').failed(current, 'ash').failed(current, 'ash');
      assert.deepEqual([fleet.state(current)?.failed, fleet.goes()], [1, ['elm']]);
    },
  ],
  10: ['predecessor and successor do not open in one pass', () => assert.deepEqual(ordered().goes(), ['x'])],
  11: [
    'a predecessor that is done is still there for its successors',
    () => {
      assert.deepEqual(ordered().converged(edge, 'x', 'y').goes(), ['ash']);
      assert.deepEqual(ordered().converged(edge, 'x').failed(edge, 'y').codes('ash'), ['channel-edge']);
    },
  ],
  12: [
    'the predecessor’s release before does not release the successor',
    () => {
      const next = manifest({ channel: 'edge', introducedIn: 2, waves: [['x'], ['y']] });
      assert.deepEqual(ordered(next).converged(edge, 'x', 'y').codes('ash'), ['channel-edge']);
    },
  ],
  13: [
    'a rollout of which nobody was told yet holds its successors',
    () => assert.deepEqual(ordered().codes('ash'), ['channel-edge']),
  ],
  14: [
    'a host edge from another channel holds nobody for ever',
    () => {
      const current = manifest({ introducedIn: 1, waves: [['ash']], edges: [{ gated: 'ash', gates: 'x' }] });
      assert.deepEqual(fleetOf(current).goes(), ['ash']);
    },
  ],
  15: [
    'which wave is open follows from the journals alone',
    () => {
      const before = fleetOf(three).converged(three, 'ash');
      const after = fleetOf(three);
      for (const [name, view] of before.views) after.see(name, view);
      assert.deepEqual([after.state(three)?.wave, after.goes()], [1, ['elm']]);
    },
  ],
  16: [
    'converging is said once',
    () => {
      const at = memoryIn('converged', { intent: intentOf(target) });
      assert.deepEqual(react(at, { type: 'tick' }).kinds, []);
      const fleet = fleetOf(one).converged(one, 'ash', 'elm');
      assert.deepEqual(fleet.plan(), fleet.plan());
    },
  ],
  17: [
    'a probe that fails for good halts the rollout, and its closure is not sent again',
    () => {
      const fleet = fleetOf(one).failed(one, 'ash');
      assert.deepEqual([fleet.state(one)?.state, fleet.goes()], ['reverted', []]);
      const { after } = react(memoryIn('soaking'), failing);
      assert.deepEqual(
        after.state.quarantine.map(({ closure }) => closure),
        [target.closure],
      );
    },
  ],
  18: [
    'a host that has gone back does not go back again',
    () => {
      const back = memoryIn('reverted', { intent: intentOf(target) });
      assert.deepEqual(react(back, { type: 'tick' }, muchLater).types, []);
      const restarted = react(back, started(absent, { running: oldClosure }));
      assert.ok(!restarted.types.includes('revert'));
    },
  ],
  U1: [
    'successors wait for the whole host set of the manifest, hosts that went back included',
    () => {
      assert.deepEqual(ordered().converged(edge, 'x').codes('ash'), ['channel-edge']);
      const late = ordered().converged(edge, 'x').unconfirmed(edge, later, 'y');
      assert.deepEqual(late.codes('ash'), ['channel-edge']);
    },
  ],
  U2: [
    'a halt lasts, and holds the undispatched hosts of its own wave',
    () => {
      const fleet = fleetOf(one).failed(one, 'ash');
      fleet.tell('ash', { kind: 'started', body: { running: closureOf('v0'), agentVersion: '2' } });
      assert.deepEqual([fleet.goes('2026-06-08T12:00:00Z'), fleet.codes('elm')[0]], [[], 'halted']);
    },
  ],
  U3: [
    'the closure that failed is quarantined where it failed, not another host’s',
    () => {
      const mixed = (introducedIn: number) =>
        manifest({ introducedIn, waves: [['ash', 'elm']], closure: (host) => `of-${host}` });
      const fleet = fleetOf(mixed(2)).failed(mixed(1), 'elm');
      assert.deepEqual([fleet.codes('elm'), fleet.goes()], [['quarantined'], ['ash']]);
    },
  ],
  U4: [
    'silence is neither forgotten nor a failure: back-off while it is heard, a failure once it stays away',
    () => {
      const fleet = fleetOf(two).unconfirmed(two, later, 'ash');
      assert.deepEqual([fleet.codes('ash')[0], fleet.goes(later)], ['retry-backoff', ['ash']]);
      assert.equal(fleet.state(two)?.failed, 0);
      const away = fleetOf(two).activating(two, 'ash').offline(noon, 'ash');
      assert.equal(away.state(two, later)?.state, 'halted');
    },
  ],
  U5: [
    'a host found on a closure that failed there is not taken for good',
    () => {
      const found = react(memoryIn('failed', {}, { running: target.closure }), started(absent));
      assert.ok(!found.kinds.includes('converged'));
      const fleet = fleetOf(one).failed(one, 'ash');
      fleet.tell('ash', { kind: 'started', body: { running: closureOf('v1'), agentVersion: '1' } });
      assert.equal(fleet.state(one)?.converged, 0);
    },
  ],
  U6: [
    'the same closure under a newer release keeps its soak, its convergence and its failure',
    () => {
      const renewed = { type: 'intent', intent: intentOf(targetOf(3, { closure: 'v2' })) } as const;
      assert.deepEqual(react(memoryIn('soaking'), renewed).kinds, []);
      assert.deepEqual(react(memoryIn('converged'), renewed).kinds, ['converged']);
      assert.deepEqual(only(react(memoryIn('reverted'), renewed).events, 'withheld').withheld?.code, 'quarantined');
    },
  ],
  U9: [
    'budgets hold within a pass, over superseded rollouts, and without a manifest nothing starts',
    () => {
      const budgets = [{ name: 'b', hosts: ['ash', 'elm'], maxInFlight: 1 }];
      const limited = manifest({ introducedIn: 2, waves: [['ash', 'elm']], budgets });
      assert.deepEqual(fleetOf(limited).goes(), ['ash']);
      assert.deepEqual(fleetOf(limited).activating(one, 'elm').goes(), []);
      const fleet = fleetOf(limited);
      const release = { ...fleet.release(), manifests: new Map() };
      fleet.release = () => release;
      assert.deepEqual(fleet.goes(), []);
    },
  ],
  U10: [
    'every field of a channel’s policy decides something',
    () => {
      const places = [new URL('./', import.meta.url), new URL('../../agent/src/', import.meta.url)];
      const files = places.flatMap((place) =>
        readdirSync(place)
          .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
          .map((file) => new URL(file, place)),
      );
      files.push(new URL('../../release/src/assemble.ts', import.meta.url));
      const sources = files.map((file) => readFileSync(file, 'utf8')).join('\n');
      // Read from a policy: `policy.field`, or taken out of one. A word in a comment or an import decides nothing.
      const isRead = (field: string): boolean =>
        new RegExp(`\\bpolicy\\??\\.${field}\\b|\\{[^{}]*\\b${field}\\b[^{}]*\\} = [\\w.?]*\\bpolicy;`, 'i').test(
          sources,
        );
      const unused = Object.keys(ChannelPolicy.shape).filter((field) => !isRead(field));
      assert.deepEqual(unused, []);
    },
  ],
};

describe('traps of an earlier reconciler', () => {
  for (const [number, [says, check]] of Object.entries(traps)) it(`trap ${number}: ${says}`, check);
});

/** Its fixtures and unit cases, by their own names. */
const cases: Readonly<Record<string, () => void>> = {
  'edges: predecessor blocks, others go on; done, it goes': () => {
    const edges = [{ gated: 'ash', gates: 'elm' }];
    const current = manifest({ introducedIn: 1, waves: [['ash', 'elm']], edges });
    assert.deepEqual([fleetOf(current).codes('ash'), fleetOf(current).goes()], [['host-edge'], ['elm']]);
    assert.deepEqual(fleetOf(current).activating(current, 'elm').codes('ash'), ['host-edge']);
    assert.deepEqual(fleetOf(current).converged(current, 'elm').goes(), ['ash']);
  },
  'host: the confirm window waits': () => {
    assert.deepEqual(fleetOf(two).activating(two, 'ash').goes(), []);
  },
  'host: soak elapsed converges, not elapsed waits': () => {
    const passing = { enforced: [], checks: [] };
    assert.deepEqual(react(memoryIn('soaking', passing), { type: 'tick' }, muchLater).kinds, ['converged']);
    assert.deepEqual(react(memoryIn('soaking', passing), { type: 'tick' }, noon).kinds, []);
  },
  'soak: a failing probe holds it, however late': () => {
    const checks = [
      {
        check: http,
        mode: 'enforce',
        consecutiveFailures: 1,
        passedSinceActivation: true,
        lastStatus: 'fail',
      } as const,
    ];
    const memory = memoryIn('soaking', { enforced: [http], checks });
    assert.deepEqual(react(memory, { type: 'tick' }, muchLater).kinds, []);
  },
  'rollout: a wave that is done promotes, in the middle too, and the last converges': () => {
    const fleet = fleetOf(three).converged(three, 'ash');
    assert.deepEqual([fleet.goes(), fleet.state(three)?.wave], [['elm'], 1]);
    fleet.converged(three, 'elm');
    assert.deepEqual([fleet.goes(), fleet.state(three)?.wave], [['fir'], 2]);
    assert.equal(fleet.converged(three, 'fir').state(three)?.state, 'converged');
  },
  'failure: `halt` leaves the host after its confirmation, `rollback-and-halt` takes it back; both halt': () => {
    const halting = memoryIn('soaking');
    const policy = halting.state.policy && { ...halting.state.policy, onHealthFailure: 'halt' as const };
    assert.deepEqual(react(memoryIn('soaking', {}, { policy }), failing).kinds, ['probe', 'failed']);
    assert.deepEqual(react(halting, failing).kinds, ['probe', 'failed', 'reverting']);
    const fleet = fleetOf(one).activating(one, 'ash');
    fleet.tell('ash', {
      kind: 'failed',
      body: { target: targetIn(one, 'ash'), cause: 'probe-failed', revertTo: null },
    });
    assert.deepEqual([fleet.state(one)?.state, fleet.goes()], ['halted', []]);
  },
  'host: offline is said and takes no go': () => {
    const fleet = fleetOf(one).offline(noon, 'ash');
    assert.deepEqual([fleet.codes('ash'), fleet.goes()], [['offline'], ['elm']]);
  },
  'host: not quarantined by another closure’s failure': () => {
    const next = manifest({ introducedIn: 2, waves: [['ash']] });
    assert.deepEqual(fleetOf(next).failed(one, 'ash').goes(), ['ash']);
  },
  'rollout: a channel that is declared no longer starts nothing and holds nobody': () => {
    const gone = new PlannedFleet({ stable: { current: stable } });
    assert.deepEqual(gone.goes(), ['ash']);
  },
  'gates: a wave-1 host is held while wave 0 is open, and a failure in wave 0 holds wave 2': () => {
    assert.deepEqual(fleetOf(three).codes('elm'), ['wave']);
    const tolerant = manifest({
      introducedIn: 1,
      waves: [['ash'], ['elm'], ['fir']],
      policy: { maxFailures: { count: 3 } },
    });
    assert.deepEqual(fleetOf(tolerant).failed(tolerant, 'ash').codes('fir'), ['wave']);
  },
  'gates: budget 1 with one in flight blocks, budget 2 passes': () => {
    const limited = (maxInFlight: number) =>
      manifest({
        introducedIn: 1,
        waves: [['ash', 'elm']],
        budgets: [{ name: 'b', hosts: ['ash', 'elm'], maxInFlight }],
      });
    assert.deepEqual(fleetOf(limited(1)).soaking(limited(1), 'ash').codes('elm'), ['budget']);
    assert.deepEqual(fleetOf(limited(2)).soaking(limited(2), 'ash').goes(), ['elm']);
  },
  'gates: nothing at all passes': () => {
    const empty = manifest({ introducedIn: 1, waves: [[]] });
    assert.deepEqual([fleetOf(empty).goes(), fleetOf(empty).state(empty)?.state], [[], 'converged']);
  },
  'opening: a predecessor that is mixed or has one host left defers, whatever was deferred before': () => {
    const fleet = ordered().converged(edge, 'x').soaking(edge, 'y');
    assert.deepEqual(fleet.codes('ash'), ['channel-edge']);
    assert.deepEqual(fleet.codes('ash'), ['channel-edge'], 'said again for as long as it holds');
    assert.deepEqual(fleet.converged(edge, 'y').goes(), ['ash']);
  },
  'advance: another rollout’s failures never hold this one': () => {
    const next = manifest({ introducedIn: 2, waves: [['ash', 'elm']] });
    assert.deepEqual(fleetOf(next).failed(one, 'ash', 'elm').goes(), ['ash', 'elm']);
  },
};

describe('cases of an earlier reconciler', () => {
  for (const [name, check] of Object.entries(cases)) it(name, check);
});
