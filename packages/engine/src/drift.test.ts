import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ChannelPolicy, HostPhaseName, HostState, Instant, StorePath } from '@nixfleet/contracts';
import { manifest, PlannedFleet, type SketchedManifest, targetIn } from './fixtures/fleet.ts';
import {
  boot,
  closureOf,
  awaitedId as id,
  intentOf,
  memoryIn,
  otherClosure,
  policy,
  stateIn,
  target,
  targetOf,
} from './fixtures/host.ts';
import { busy, only, react } from './fixtures/react.ts';
import type { Intent } from './host-input.ts';

const newer = targetOf(3);
const under = (drift: ChannelPolicy['drift'], to = target, change: Partial<Intent> = {}) => ({
  type: 'intent' as const,
  intent: intentOf(to, { policy: { ...policy, ...(drift && { drift }) }, ...change }),
});
const drifted = (name: HostPhaseName, state: Partial<HostState> = {}) =>
  memoryIn(name, {}, { running: otherClosure, ...state });
const brake = { code: 'hold' } as const;

describe('a machine that was changed outside NixFleet', () => {
  it('H24: by `report` it is told and left alone, and the next release replaces the change', () => {
    const told = react(memoryIn('converged'), { type: 'observed', running: otherClosure });
    assert.deepEqual(only(told.events, 'drift'), { expected: target.closure, running: otherClosure });
    for (const drift of [undefined, 'report'] as const) {
      assert.deepEqual(react(drifted('converged'), under(drift)).events, []);
      assert.deepEqual(react(drifted('soaking'), under(drift)).events, []);
      assert.deepEqual(react(drifted('converged'), under(drift, newer)).kinds, ['fetching']);
    }
  });

  it('H24: by `hold` nothing starts and nothing boots, until it runs what was confirmed or what it is to run', () => {
    const held = react(drifted('converged'), under('hold', newer));
    assert.deepEqual(only(held.events, 'withheld').withheld, { code: 'drift', reason: `it runs ${otherClosure}` });
    assert.deepEqual(held.effects, []);
    const back = react(held.after, { type: 'observed', running: target.closure });
    assert.deepEqual(react(back.after, under('hold', newer)).kinds, ['fetching']);
    assert.deepEqual(react(drifted('converged', { running: newer.closure }), under('hold', newer)).kinds, ['fetching']);
    const waiting = { rebootPending: { since: '2026-06-01T08:00:00Z' as Instant, component: 'kernel' } };
    const mayBoot = {
      hasGo: false,
      mayReboot: true,
      policy: { ...policy, reboot: 'immediate', drift: 'hold' },
    } as const;
    assert.deepEqual(react(drifted('converged', waiting), under('hold', target, mayBoot)).effects, []);
    const well = memoryIn('converged', {}, waiting);
    assert.deepEqual(react(well, under('hold', target, mayBoot)).types, ['recheck'], 'and boots without');
  });

  it('H24: by `hold` a change in the midst of a fetch ends it, also just before arming', () => {
    const fetching = react(drifted('fetching'), under('hold'));
    assert.deepEqual([fetching.kinds, fetching.after.state.phase.name], [['withheld'], 'pending']);
    const rechecking = memoryIn('fetching', busy('recheck'), { running: otherClosure });
    const { intent } = under('hold');
    assert.deepEqual(react(rechecking, { type: 'rechecked', id, intent }).kinds, ['withheld']);
  });

  it('H24: by `reactivate` the closure that it holds is switched to again, with a go and unbraked', () => {
    for (const name of ['converged', 'soaking'] as const) {
      const again = react(drifted(name), under('reactivate'));
      assert.deepEqual([again.kinds, again.types], [['fetching'], ['fetch']], name);
      assert.equal(only(again.events, 'fetching').target.closure, target.closure);
      assert.deepEqual(react(drifted(name), under('reactivate', target, { hasGo: false })).effects, [], name);
      assert.deepEqual(react(drifted(name), under('reactivate', target, { brake })).kinds, ['withheld'], name);
      assert.deepEqual(react(memoryIn(name), under('reactivate')).events, [], `${name}, unchanged`);
    }
  });

  it('H24: what it boots by itself is told like what it runs, and its end too', () => {
    const { closure } = target;
    const boots = { type: 'observed', running: closure, bootDefault: otherClosure } as const;
    const told = react(memoryIn('converged'), boots);
    assert.deepEqual(only(told.events, 'drift'), { expected: closure, running: closure, bootDefault: otherClosure });
    assert.deepEqual(react(told.after, boots).events, [], 'once');
    assert.deepEqual(react(told.after, { ...boots, bootDefault: null }).events, [], 'it cannot be told any more');
    const back = react(told.after, { ...boots, bootDefault: closure });
    assert.deepEqual(only(back.events, 'drift'), { expected: closure, running: closure });
    assert.equal(back.after.state.bootDefault, undefined);
    const started = { type: 'started', bootId: boot, agentVersion: '1', deadMan: { kind: 'absent' } } as const;
    const more = { activation: 'unknown', wasBootOrdered: false, running: closure } as const;
    for (const [before, bootDefault, kinds] of [
      [memoryIn('converged'), otherClosure, ['started', 'drift']],
      [told.after, closure, ['started', 'drift']],
      [memoryIn('converged'), closure, ['started']],
    ] as const) {
      assert.deepEqual(react(before, { ...started, ...more, bootDefault }).kinds, kinds);
    }
  });

  it('H24: a boot default that was changed is held and switched back like a running system', () => {
    const stray = (name: HostPhaseName) => memoryIn(name, {}, { bootDefault: otherClosure });
    const held = react(stray('converged'), under('hold', newer));
    assert.deepEqual(only(held.events, 'withheld').withheld, { code: 'drift', reason: `it boots ${otherClosure}` });
    assert.deepEqual(react(stray('converged'), under('report', newer)).kinds, ['fetching']);
    assert.deepEqual(react(stray('converged'), under('report')).events, []);
    const again = react(stray('converged'), under('reactivate'));
    assert.deepEqual([again.kinds, only(again.events, 'fetching').target.closure], [['fetching'], target.closure]);
    assert.deepEqual(react(again.after, under('reactivate')).types, [], 'the fetch goes on');
    const fetching = memoryIn(
      'fetching',
      {},
      {
        bootDefault: otherClosure,
        running: target.closure,
        confirmed: stateIn('converged').confirmed,
      },
    );
    assert.deepEqual(react(fetching, under('reactivate')).types, ['fetch'], 'after a restart, too');
    assert.deepEqual(react(fetching, under('report')).kinds, ['converged'], 'unless policy was changed meanwhile');
    const committing = memoryIn('confirming', busy('commit'), { bootDefault: otherClosure });
    const committed = react(committing, { type: 'committed', id });
    assert.equal(committed.after.state.bootDefault, undefined, 'what is confirmed is what boots');
  });

  it('H24: a boot default that NixFleet sets, or that a boot is waited for, is no change from outside', () => {
    const boots = (name: HostPhaseName, bootDefault: StorePath) => {
      const memory = memoryIn(name);
      return react(memory, { type: 'observed', running: memory.state.running, bootDefault }).events;
    };
    for (const name of [
      'activating',
      'rebooting',
      'confirming',
      'trying',
      'reverting',
      'failed',
      'unconfirmed',
    ] as const)
      assert.deepEqual(boots(name, otherClosure), [], name);
    assert.deepEqual(boots('deferred', target.closure), [], 'a person boots what needs a boot');
    assert.equal(boots('deferred', otherClosure).length, 1);
  });

  it('H24: what NixFleet itself does is no change from outside', () => {
    for (const name of ['failed', 'unconfirmed', 'reverting', 'confirming', 'trying'] as const) {
      assert.deepEqual(react(memoryIn(name), under('hold', newer)).kinds.includes('withheld'), false, name);
    }
    const first = memoryIn('pending', {}, { confirmed: null, running: otherClosure });
    assert.deepEqual(react(first, under('hold')).kinds, ['fetching'], 'nothing was ever confirmed');
  });
});

describe('the planner and a machine that was changed outside NixFleet', () => {
  const running = closureOf('by-hand');
  const reason = `it runs ${running}`;
  const budgets = [{ name: 'one', hosts: ['a', 'b', 'c'], maxInFlight: 1 }];
  const sketch = { introducedIn: 1, waves: [['a', 'b'], ['c']] };
  const of = (drift: ChannelPolicy['drift'], more: object = {}) =>
    manifest({ ...sketch, policy: drift ? { drift } : {}, ...more });
  const change = (fleet: PlannedFleet, current: SketchedManifest, ...names: string[]): PlannedFleet => {
    for (const name of names) {
      fleet.tell(name, { kind: 'drift', body: { expected: targetIn(current, name).closure, running } });
    }
    return fleet;
  };
  const converged = (current: SketchedManifest): PlannedFleet =>
    new PlannedFleet({ stable: { current } }).converged(current, 'a', 'b', 'c');

  it('P26: it is shown by every policy, and switched to its closure again by `reactivate` alone', () => {
    for (const [drift, goes] of [
      [undefined, []],
      ['hold', []],
      ['reactivate', ['a', 'c']],
    ] as const) {
      const current = of(drift);
      const fleet = change(converged(current), current, 'a', 'c');
      assert.deepEqual(fleet.withheld('a'), [{ code: 'drift', reason }], drift);
      assert.deepEqual(fleet.goes(), goes, drift);
      assert.deepEqual(fleet.withheld('b'), [], drift);
    }
  });

  it('P26: so is one that boots something else by itself', () => {
    const current = of('reactivate');
    const fleet = converged(current);
    const { closure } = targetIn(current, 'a');
    fleet.tell('a', { kind: 'drift', body: { expected: closure, running: closure, bootDefault: running } });
    assert.deepEqual(fleet.withheld('a'), [{ code: 'drift', reason: `it boots ${running}` }]);
    assert.deepEqual(fleet.goes(), ['a']);
    fleet.tell('a', { kind: 'drift', body: { expected: closure, running: closure } });
    assert.deepEqual([fleet.withheld('a'), fleet.goes()], [[], []]);
  });

  it('P26: its go stands while it fetches, until it has armed', () => {
    const current = of('reactivate', { budgets });
    const fleet = change(converged(current), current, 'a', 'b').fetching(current, 'a');
    assert.deepEqual([fleet.goes(), fleet.codes('b')], [['a'], ['drift', 'budget']]);
    const body = { target: targetIn(current, 'a'), revertTo: targetIn(current, 'a').closure, deadline: fleet.now };
    fleet.tell('a', { kind: 'activating', body });
    assert.deepEqual([fleet.goes(), fleet.codes('a')], [[], ['in-progress']]);
  });

  it('P26: it waits for its wave and its host edges, where a newer rollout has not come to it yet', () => {
    const edges = [{ gates: 'a', gated: 'c' }];
    const closure = (host: string) => (host === 'a' ? 'v2' : 'v1');
    const current = of('reactivate', { edges, closure });
    const fleet = new PlannedFleet({ stable: { current } }).converged(current, 'b', 'c');
    change(fleet, current, 'c');
    assert.deepEqual([fleet.goes(), fleet.codes('c')], [['a'], ['drift', 'wave', 'host-edge']]);
    fleet.converged(current, 'a');
    assert.deepEqual(fleet.goes(), ['c']);
  });

  it('P26: brakes, a halt, local holds, quarantine and budgets keep it from that', () => {
    const current = of('reactivate', { budgets });
    const fleet = change(converged(current), current, 'a', 'b');
    assert.deepEqual([fleet.goes(), fleet.codes('b')], [['a'], ['drift', 'budget']]);
    fleet.holds = [{ channel: 'stable', reason: 'audit', expiresAt: '2026-06-01T13:00:00Z' as Instant }];
    assert.deepEqual([fleet.goes(), fleet.codes('a')], [[], ['drift', 'hold']]);
    const halted = change(converged(current), current, 'a').failed(current, 'b');
    assert.deepEqual([halted.goes(), halted.codes('a')], [[], ['drift', 'halted']]);
    const hold = { until: '2026-06-01T13:00:00Z' as Instant, reason: 'disk' };
    const held = change(converged(current), current, 'a').tell('a', { kind: 'local-hold', body: { hold } });
    assert.deepEqual([held.goes(), held.codes('a')], [[], ['drift', 'local-hold']]);
  });

  it('P14: a rollout that waits for nothing but a host that is held for a change yields to the newest', () => {
    const before = of('hold');
    const old = manifest({ ...sketch, introducedIn: 2, policy: { drift: 'hold' } });
    const next = manifest({ ...sketch, introducedIn: 3 });
    const fleet = change(
      new PlannedFleet({ stable: { current: before } }).converged(before, 'a', 'b', 'c'),
      before,
      'a',
    );
    fleet.channels = { stable: { current: old } };
    fleet.converged(old, 'b');
    fleet.channels = { stable: { current: next, mayFinish: [old] } };
    assert.deepEqual([fleet.codes('a'), fleet.goes()], [[], ['a', 'b']], 'the newest lets it go');
  });

  it('P26: by `hold` a newer release passes it by, and takes no slot for it', () => {
    const before = of('hold');
    const next = manifest({ ...sketch, introducedIn: 2, policy: { drift: 'hold' }, budgets });
    const fleet = change(converged(before), before, 'a');
    fleet.channels = { stable: { current: next } };
    assert.deepEqual([fleet.goes(), fleet.codes('a')], [['b'], ['drift']]);
  });
});
