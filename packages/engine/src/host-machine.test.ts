import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { addSeconds, type HostState } from '@nixfleet/contracts';
import {
  at,
  began,
  http,
  awaitedId as id,
  intentOf,
  memoryIn,
  muchLater,
  noon,
  otherClosure,
  phases,
  policy,
  target,
  targetOf,
} from './fixtures/host.ts';
import { busy, only, react } from './fixtures/react.ts';
import type { WorkingMemory } from './host-input.ts';
import { refusedRetryMaxSeconds, refusedRetrySeconds } from './refused.ts';

describe('starting', () => {
  it('H4: a fetched of the target before leads nowhere', () => {
    const fetching = react(memoryIn('pending'), { type: 'intent', intent: intentOf(target) });
    const [old] = fetching.effects;
    assert.ok(old && old.type === 'fetch');
    const replaced = react(fetching.after, { type: 'intent', intent: intentOf(targetOf(3)) });
    assert.deepEqual(replaced.kinds, ['fetching']);
    const stale = react(replaced.after, { type: 'fetched', id: old.id });
    assert.deepEqual(stale.after, replaced.after);
    const [current] = replaced.effects;
    assert.ok(current && current.type === 'fetch');
    assert.deepEqual(react(replaced.after, { type: 'fetched', id: current.id }).types, ['recheck']);
  });

  it('H9: a higher attempt lifts a quarantine, the same and a lower one do not', () => {
    for (const [attempt, expected] of [
      [1, 'quarantined'],
      [2, 'quarantined'],
      [3, undefined],
    ] as const) {
      const quarantine = [
        { closure: target.closure, attempt: 2, rolloutId: target.rolloutId, at: began, cause: 'failed-units' as const },
      ];
      const again = targetOf(3, { closure: 'v2', attempt });
      const { after, kinds } = react(memoryIn('reverted', {}, { quarantine }), {
        type: 'intent',
        intent: intentOf(again),
      });
      assert.equal(after.state.withheld?.code, expected);
      assert.deepEqual(kinds, [expected ? 'withheld' : 'fetching']);
    }
  });

  it('H9: a closure that failed and was left running has to prove itself at its higher attempt', () => {
    const left: Partial<HostState> = {
      confirmed: { closure: target.closure, rolloutId: target.rolloutId, at: began },
      phase: { ...phases.failed, revertTo: null },
    };
    const again = targetOf(3, { closure: 'v2', attempt: 2 });
    const result = react(memoryIn('failed', {}, left), { type: 'intent', intent: intentOf(again) });
    assert.deepEqual(result.kinds, ['fetching']);
  });

  it('H9: success at a higher attempt ends the quarantine, so that the next release finds the host on its target', () => {
    const quarantine = [
      { closure: target.closure, attempt: 1, rolloutId: target.rolloutId, at: began, cause: 'failed-units' as const },
    ];
    const soaked = react(memoryIn('soaking', { enforced: [] }, { quarantine }), { type: 'tick' }, muchLater);
    assert.deepEqual(soaked.kinds, ['converged']);
    const next = react(soaked.after, {
      type: 'intent',
      intent: intentOf(targetOf(3, { closure: 'v2' }), { hasGo: false }),
    });
    assert.deepEqual(next.kinds, ['converged']);
  });

  it('H10: each reason withholds, is told once, and is taken back when it ends', () => {
    const until = at('2026-06-01T13:00:00Z');
    const retry = { rolloutId: target.rolloutId, closure: target.closure, count: 1, notBefore: until };
    const cases: [string, Parameters<typeof intentOf>[1], Partial<HostState>][] = [
      ['hold', { brake: { code: 'hold', until } }, {}],
      ['observe', { policy: { ...policy, mode: 'observe' } }, {}],
      ['retry-backoff', {}, { retry }],
      ['control-plane-silent', { brake: { code: 'control-plane-silent' } }, {}],
    ];
    for (const [code, change, state] of cases) {
      const held = react(memoryIn('pending', {}, state), { type: 'intent', intent: intentOf(target, change) });
      assert.equal(only(held.events, 'withheld').withheld?.code, code);
      assert.deepEqual(react(held.after, { type: 'tick' }).events, [], `${code} told twice`);
      const noGo = react(held.after, { type: 'intent', intent: intentOf(target, { hasGo: false }) }, muchLater);
      assert.deepEqual(only(noGo.events, 'withheld'), { withheld: null }, `${code} not taken back`);
      assert.deepEqual(react(held.after, { type: 'intent', intent: intentOf(target) }, muchLater).kinds, ['fetching']);
    }
  });

  it('H10: silence of the control plane is no news while there is no go', () => {
    const intent = intentOf(target, { hasGo: false, brake: { code: 'control-plane-silent' } });
    assert.deepEqual(react(memoryIn('pending'), { type: 'intent', intent }).events, []);
  });

  it('H10: back-off of one release does not hold up the next', () => {
    const retry = { rolloutId: target.rolloutId, closure: target.closure, count: 5, notBefore: muchLater };
    const next = react(memoryIn('reverted', {}, { retry, quarantine: [] }), {
      type: 'intent',
      intent: intentOf(targetOf(3)),
    });
    assert.deepEqual(next.kinds, ['fetching']);
  });

  it('H10: a hold ends a fetch, a minute of silence does not', () => {
    const memory = memoryIn('fetching', busy('fetch'));
    const held = react(memory, { type: 'intent', intent: intentOf(target, { brake: { code: 'hold' } }) });
    assert.equal(held.after.state.phase.name, 'pending');
    assert.equal(held.after.working.busy, null);
    const silent = intentOf(target, { brake: { code: 'control-plane-silent' } });
    assert.deepEqual(react(memory, { type: 'intent', intent: silent }).events, []);
  });

  it('H10: at the recheck a missing go, any brake or another target stops the switch', () => {
    const memory = memoryIn('fetching', busy('recheck'));
    for (const [intent, code] of [
      [null, 'no-go'],
      [intentOf(target, { hasGo: false }), 'no-go'],
      [intentOf(target, { brake: { code: 'freeze' } }), 'freeze'],
      [intentOf(target, { brake: { code: 'control-plane-silent' } }), 'control-plane-silent'],
      [intentOf(targetOf(3), { hasGo: false }), 'no-go'],
    ] as const) {
      const { after, effects } = react(memory, { type: 'rechecked', id, intent });
      assert.deepEqual([after.state.phase.name, after.state.withheld?.code, effects], ['pending', code, []]);
    }
    const newer = react(memory, { type: 'rechecked', id, intent: intentOf(targetOf(3)) });
    assert.deepEqual([newer.kinds, newer.types], [['fetching'], ['fetch']]);
  });

  it('H10: a fetch is begun again after a restart, and dropped if the target is gone', () => {
    const again = react(memoryIn('fetching'), { type: 'intent', intent: intentOf(target) });
    assert.deepEqual([again.kinds, again.types], [[], ['fetch']]);
    const dropped = react(memoryIn('fetching'), { type: 'intent', intent: intentOf(targetOf(3), { hasGo: false }) });
    assert.equal(dropped.after.state.phase.name, 'pending');
  });

  it('H18: a refused closure is tried again with back-off, for ever', () => {
    let memory = memoryIn('fetching', busy('fetch'));
    const waits: number[] = [];
    let ms = Date.parse(noon);
    const instant = () => at(new Date(ms).toISOString().replace('.000', ''));
    for (let round = 0; round < 12; round++) {
      const waiting = memory.working.busy;
      assert.ok(waiting);
      memory = react(
        memory,
        { type: 'fetch-refused', id: waiting.id, reason: 'disk-full', detail: '' },
        instant(),
      ).after;
      memory = react(memory, { type: 'intent', intent: intentOf(target) }, instant()).after;
      const from = ms;
      while (memory.state.phase.name === 'refused') {
        ms += 10_000;
        memory = react(memory, { type: 'tick' }, instant()).after;
      }
      waits.push((ms - from) / 1000);
    }
    assert.deepEqual(waits.slice(0, 4), [30, 60, 120, 240]);
    assert.equal(waits[0], refusedRetrySeconds);
    assert.equal(waits.at(-1), refusedRetryMaxSeconds);
  });

  it('H18: a refusal tells when it is tried again, and a restart neither shortens nor forgets that', () => {
    const refuse = (refusals: number) => {
      const memory = memoryIn('fetching', {
        ...busy('fetch'),
        refusals: { rolloutId: target.rolloutId, count: refusals },
      });
      return react(memory, { type: 'fetch-refused', id, reason: 'disk-full', detail: '' }, noon);
    };
    const { events, after } = refuse(3);
    const until = only(events, 'refused').retryNotBefore;
    assert.equal(until, '2026-06-01T12:04:00Z');
    assert.equal(only(refuse(30).events, 'refused').retryNotBefore, '2026-06-01T13:00:00Z');
    const restarted = { ...after, working: { ...after.working, refusals: null } };
    const tried = (now: string) => react(restarted, { type: 'intent', intent: intentOf(target) }, at(now)).kinds;
    assert.deepEqual([tried('2026-06-01T12:03:59Z'), tried('2026-06-01T12:04:00Z')], [[], ['fetching']]);
  });

  it('H18: a refusal of an older journal, which does not tell that, rests for the shortest wait', () => {
    const tried = (now: string) =>
      react(memoryIn('refused'), { type: 'intent', intent: intentOf(target) }, at(now)).kinds;
    const instants = [addSeconds(began, refusedRetrySeconds - 1), addSeconds(began, refusedRetrySeconds)];
    assert.deepEqual(instants.map(tried), [[], ['fetching']]);
  });
});

describe('hosts that run their target', () => {
  const again = targetOf(3, { closure: 'v2' });

  it('H12: converge without go, brake or switch', () => {
    const intent = intentOf(again, { hasGo: false, brake: { code: 'hold' } });
    const { events, effects } = react(memoryIn('converged'), { type: 'intent', intent });
    assert.deepEqual(only(events, 'converged'), { target: again, switched: false });
    assert.deepEqual(effects, []);
  });

  it('H12: sign nothing while an enforced probe fails', () => {
    const probe = { status: 'fail', mode: 'enforce', at: began, consecutiveFailures: 3 } as const;
    const failing = react(memoryIn('converged', {}, { probes: { [http]: probe } }), {
      type: 'intent',
      intent: intentOf(again),
    });
    assert.deepEqual(only(failing.events, 'withheld').withheld, { code: 'failed', reason: 'probe http fails' });
    const passed = react(failing.after, {
      type: 'probe',
      id,
      check: http,
      status: 'pass',
      mode: 'enforce',
      failureThreshold: 3,
    });
    assert.deepEqual(react(passed.after, { type: 'tick' }).kinds, ['converged']);
    const observed = { ...probe, mode: 'observe' } as const;
    const fine = react(memoryIn('converged', {}, { probes: { [http]: observed } }), {
      type: 'intent',
      intent: intentOf(again),
    });
    assert.deepEqual(fine.kinds, ['converged']);
  });

  it('H12: a drifted host is not on its target', () => {
    const drifted = memoryIn('converged', {}, { running: otherClosure });
    assert.deepEqual(react(drifted, { type: 'intent', intent: intentOf(again) }).kinds, ['fetching']);
  });

  it('H13: a soak goes on when a newer release keeps the closure, and counts for both', () => {
    const memory = memoryIn('soaking', { enforced: [] });
    const kept = react(memory, { type: 'intent', intent: intentOf(again) });
    assert.deepEqual(kept.events, []);
    const { events } = react(kept.after, { type: 'tick' }, muchLater);
    assert.deepEqual(
      events.map((event) => event.kind === 'converged' && [event.body.target.rolloutId, event.body.switched]),
      [
        [target.rolloutId, true],
        [again.rolloutId, false],
      ],
    );
  });

  it('H13: a soak ends only with its time, every enforced probe passing, and the target running', () => {
    const soaking = (change: Partial<WorkingMemory>, state: Partial<HostState> = {}, now = muchLater) =>
      react(memoryIn('soaking', change, state), { type: 'tick' }, now).kinds;
    const passing = {
      check: http,
      mode: 'enforce',
      consecutiveFailures: 0,
      passedSinceActivation: true,
      lastStatus: 'pass',
    } as const;
    assert.deepEqual(soaking({ enforced: [http], checks: [passing] }), ['converged']);
    assert.deepEqual(soaking({ enforced: [http], checks: [passing] }, {}, noon), []);
    assert.deepEqual(soaking({ enforced: null }), []);
    assert.deepEqual(soaking({ enforced: [http], checks: [] }), []);
    assert.deepEqual(
      soaking({ enforced: [http], checks: [{ ...passing, lastStatus: 'fail', consecutiveFailures: 1 }] }),
      [],
    );
    assert.deepEqual(soaking({ enforced: [] }, { running: otherClosure }), []);
  });
});
