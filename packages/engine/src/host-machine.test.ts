import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { EventContent, HostPhaseName, HostState } from '@nixfleet/contracts';
import {
  at,
  began,
  boot,
  closureOf,
  http,
  awaitedId as id,
  intentOf,
  memoryIn,
  muchLater,
  noon,
  oldClosure,
  otherClosure,
  output,
  phases,
  policy,
  switchPolicy,
  target,
  targetOf,
} from './fixtures/host.ts';
import type { HostInput, HostMemory, WorkingMemory } from './host-input.ts';
import { step } from './host-machine.ts';
import { refusedRetryMaxSeconds, refusedRetrySeconds } from './pursue.ts';
import { revertRetryMaxSeconds } from './revert.ts';

function react(memory: HostMemory, input: HostInput, now = noon) {
  const { events, effects, memory: after } = step(memory, input, { now });
  return { events, kinds: events.map(({ kind }) => kind), effects, types: effects.map(({ type }) => type), after };
}

function only<Kind extends EventContent['kind']>(events: readonly EventContent[], kind: Kind) {
  const found = events.find((event) => event.kind === kind);
  assert.ok(found, `no ${kind} event`);
  return found.body as Extract<EventContent, { kind: Kind }>['body'];
}

function started(
  deadMan: Extract<HostInput, { type: 'started' }>['deadMan'],
  change: Partial<Extract<HostInput, { type: 'started' }>> = {},
) {
  return {
    type: 'started',
    running: target.closure,
    bootId: boot,
    agentVersion: '1',
    deadMan,
    activation: 'unknown',
    ...change,
  } as const;
}

const busy = (type: NonNullable<WorkingMemory['busy']>['type']) => ({ busy: { type, id } });
const armed = { kind: 'armed', to: oldClosure } as const;
const absent = { kind: 'absent' } as const;
const ok = { kind: 'ok', running: target.closure, output } as const;

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

describe('switching', () => {
  it('H3: the dead man is armed for the whole switch, back to the last confirmed closure', () => {
    const { effects } = react(memoryIn('fetching', busy('recheck')), {
      type: 'rechecked',
      id,
      intent: intentOf(target),
    });
    assert.deepEqual(effects, [{ type: 'arm', id: id + 1, target, revertTo: oldClosure, seconds: 420 }]);
  });

  it('H7: the time to confirm runs from the end of activation, within the dead man’s deadline', () => {
    const activated = (deadline: string) => {
      const phase = { ...phases.activating, deadline: at(deadline) };
      const { events } = react(memoryIn('activating', busy('activate'), { phase }), {
        type: 'activated',
        id,
        outcome: ok,
      });
      return only(events, 'confirming').deadline;
    };
    assert.equal(activated('2026-06-01T12:05:00Z'), '2026-06-01T12:02:00Z');
    assert.equal(activated('2026-06-01T12:01:00Z'), '2026-06-01T12:01:00Z');
  });

  it('H7: every enforced probe once, then acceptance, then commit; locally without acceptance', () => {
    const tcp = 'tcp' as typeof http;
    let memory = memoryIn('confirming');
    const tell = (input: HostInput) => {
      const result = react(memory, input);
      memory = result.after;
      return [...result.kinds, ...result.types];
    };
    const pass = (check: typeof http) =>
      ({ type: 'probe', id, check, status: 'pass', mode: 'enforce', failureThreshold: 2 }) as const;
    assert.deepEqual(tell(pass(http)), ['probe']);
    assert.deepEqual(tell({ type: 'checks-known', id, enforced: [http, tcp] }), []);
    assert.deepEqual(tell(pass(tcp)), ['probe', 'probes-passed', 'request-acceptance']);
    assert.deepEqual(tell(pass(tcp)), [], 'asks once');
    assert.deepEqual(tell({ type: 'accepted', id: id + 1 }), ['commit']);
    assert.deepEqual(tell({ type: 'committed', id: id + 2 }), ['confirmed']);
    const local = { ...switchPolicy, confirm: { by: 'local', timeoutSeconds: 60 } } as const;
    const locally = react(memoryIn('confirming', {}, { policy: local }), { type: 'checks-known', id, enforced: [] });
    assert.deepEqual(locally.types, ['commit']);
  });

  it('H7: once a commit is under way its rename decides, not the deadline', () => {
    assert.deepEqual(react(memoryIn('confirming', busy('commit')), { type: 'tick' }, muchLater).events, []);
    const lost = react(memoryIn('confirming', busy('commit')), { type: 'commit-lost', id }, muchLater);
    assert.equal(only(lost.events, 'unconfirmed').cause, 'dead-man');
  });

  it('H6: what was missing at the deadline is told', () => {
    const cause = (phase: HostPhaseName, change: Partial<WorkingMemory>) =>
      only(react(memoryIn(phase, change), { type: 'tick' }, muchLater).events, 'unconfirmed').cause;
    assert.equal(cause('confirming', { enforced: null }), 'probes-pending');
    assert.equal(cause('confirming', { enforced: [http] }), 'probes-pending');
    assert.equal(cause('confirming', { enforced: [], ...busy('request-acceptance') }), 'no-contact');
    assert.equal(cause('activating', busy('activate')), 'dead-man');
    assert.equal(cause('activating', busy('await-activation')), 'agent-restarted');
  });

  it('H6: back-off doubles with every unconfirmed switch of a rollout, up to its maximum', () => {
    const wait = (count: number) => {
      const retry =
        count === 0 ? null : { rolloutId: target.rolloutId, closure: target.closure, count, notBefore: began };
      const { events } = react(memoryIn('confirming', {}, { retry }), { type: 'tick' }, muchLater);
      return (Date.parse(only(events, 'unconfirmed').retryNotBefore) - Date.parse(muchLater)) / 1000;
    };
    assert.deepEqual([0, 1, 2, 9].map(wait), [30, 60, 120, 600]);
  });

  it('H5: another system than the target is a failure', () => {
    const outcome = { ...ok, running: otherClosure };
    const { events } = react(memoryIn('activating', busy('activate')), { type: 'activated', id, outcome });
    assert.equal(only(events, 'failed').cause, 'system-mismatch');
  });

  it('H11: where nothing was changed the dead man is taken back', () => {
    for (const [outcome, kind] of [
      [{ kind: 'refused', reason: 'activation-lock-busy', detail: '' }, 'refused'],
      [{ kind: 'needs-reboot', component: 'dbus' }, 'deferred'],
    ] as const) {
      const { kinds, types } = react(memoryIn('activating', busy('activate')), { type: 'activated', id, outcome });
      assert.deepEqual([kinds, types[0]], [[kind], 'disarm']);
    }
  });

  it('H19: what workers say is made to fit an event, well-formed', () => {
    const detail = `${'x'.repeat(999)}\ud83d\ude00${'y'.repeat(5000)}`;
    const refused = react(memoryIn('fetching', busy('fetch')), {
      type: 'fetch-refused',
      id,
      reason: 'disk-full',
      detail,
    });
    assert.equal(only(refused.events, 'refused').detail, `${'x'.repeat(999)}\ufffd`);
    const probe: HostInput = {
      type: 'probe',
      id,
      check: http,
      status: 'fail',
      mode: 'observe',
      failureThreshold: 1,
      detail,
    };
    assert.equal(only(react(memoryIn('converged'), probe).events, 'probe').detail?.length, 512);
    const outcome = { kind: 'needs-reboot', component: detail } as const;
    const deferred = react(memoryIn('activating', busy('activate')), { type: 'activated', id, outcome });
    assert.equal(only(deferred.events, 'deferred').component.length, 64);
  });

  it('H17: after confirmed, the journalled policy decides whether a failure reverts, also after a restart', () => {
    const fail: HostInput = { type: 'probe', id, check: http, status: 'fail', mode: 'enforce', failureThreshold: 1 };
    const failed = (onHealthFailure: 'halt' | 'rollback-and-halt') => {
      // No intent is known: the agent has just started, and the newest documents may be of another release.
      const memory = memoryIn('soaking', { intent: null }, { policy: { ...switchPolicy, onHealthFailure } });
      return only(react(memory, fail).events, 'failed').revertTo;
    };
    assert.equal(failed('halt'), null);
    assert.equal(failed('rollback-and-halt'), oldClosure);
    const confirming = memoryIn('confirming', {}, { policy: { ...switchPolicy, onHealthFailure: 'halt' } });
    assert.equal(
      only(react(confirming, fail).events, 'failed').revertTo,
      oldClosure,
      'before confirmed it always reverts',
    );
  });

  it('H17: probes that only observe fail nothing', () => {
    const observe: HostInput = { type: 'probe', id, check: http, status: 'fail', mode: 'observe', failureThreshold: 1 };
    assert.deepEqual(react(memoryIn('confirming'), observe).kinds, ['probe']);
  });

  it('H5: fewer failures in a row than declared are none', () => {
    const once: HostInput = { type: 'probe', id, check: http, status: 'fail', mode: 'enforce', failureThreshold: 2 };
    const first = react(memoryIn('soaking'), once);
    assert.deepEqual(first.events, []);
    const passed = react(first.after, { ...once, status: 'pass' });
    const second = react(passed.after, once);
    assert.deepEqual(second.events, []);
    assert.deepEqual(react(second.after, once).kinds, ['probe', 'failed', 'reverting']);
  });
});

describe('reverting', () => {
  it('H18: a revert that failed is told and tried again with back-off, for ever', () => {
    let memory = memoryIn('reverting', { ...busy('revert'), reverts: { count: 1, at: noon } });
    let ms = Date.parse(noon);
    const instant = () => at(new Date(ms).toISOString().replace('.000', ''));
    const waits: number[] = [];
    for (let round = 0; round < 8; round++) {
      const waiting = memory.working.busy;
      assert.ok(waiting);
      const failed = react(memory, { type: 'reverted', id: waiting.id, running: otherClosure, by: 'agent' }, instant());
      assert.deepEqual(failed.kinds, ['revert-failed']);
      memory = failed.after;
      const from = ms;
      while (memory.working.busy === null) {
        ms += 10_000;
        memory = react(memory, { type: 'tick' }, instant()).after;
      }
      waits.push((ms - from) / 1000);
    }
    assert.deepEqual(waits.slice(0, 3), [30, 60, 120]);
    assert.equal(waits.at(-1), revertRetryMaxSeconds);
  });

  it('H8: a dead man that fired, is at work, failed or went elsewhere', () => {
    const report = (to: typeof oldClosure, fired: boolean | null) =>
      react(memoryIn('confirming'), { type: 'dead-man', report: { kind: 'fired', to, ok: fired } });
    assert.deepEqual(report(oldClosure, true).kinds, ['unconfirmed', 'reverting', 'reverted']);
    assert.deepEqual(report(oldClosure, null).types, ['await-dead-man']);
    assert.deepEqual(report(oldClosure, false).effects, [{ type: 'revert', id: id + 1, to: oldClosure }]);
    assert.deepEqual(report(otherClosure, true).effects, [{ type: 'revert', id: id + 1, to: oldClosure }]);
    const gone = react(memoryIn('reverting', busy('await-dead-man')), { type: 'dead-man', report: absent });
    assert.deepEqual(gone.types, ['revert']);
    const beside = react(memoryIn('reverting', busy('revert')), {
      type: 'dead-man',
      report: { kind: 'fired', to: oldClosure, ok: true },
    });
    assert.deepEqual(beside.events, [], 'the revert under way waits for it by itself');
  });

  it('H8: without anything confirmed there is nothing to go back to, and it is tried again', () => {
    const first = { ...phases.confirming, revertTo: null };
    const { kinds, after } = react(
      memoryIn('confirming', {}, { confirmed: null, phase: first }),
      { type: 'tick' },
      noon,
    );
    assert.deepEqual(kinds, []);
    const late = react(memoryIn('confirming', {}, { confirmed: null, phase: first }), { type: 'tick' }, muchLater);
    assert.deepEqual([late.kinds, late.effects], [['unconfirmed'], []]);
    assert.equal(after.state.phase.name, 'confirming');
    const again = react(late.after, { type: 'intent', intent: intentOf(target) }, at('2026-06-01T17:00:00Z'));
    assert.deepEqual(again.kinds, ['fetching']);
  });
});

describe('recovery (H14)', () => {
  const recovered = (phase: HostPhaseName, input: HostInput, state: Partial<HostState> = {}) => {
    const { kinds, types, events, after } = react(memoryIn(phase, {}, state), input);
    return { kinds: kinds.slice(1), types, events, after };
  };

  it('H14: an interrupted activation goes on only in the same boot, guarded, with the target running', () => {
    assert.deepEqual(recovered('activating', started(armed, { activation: ok })).kinds, ['confirming']);
    assert.deepEqual(recovered('activating', started(armed, { activation: 'running' })).types, ['await-activation']);
    for (const [input, cause] of [
      [started(armed), 'agent-restarted'],
      [started(absent, { activation: ok }), 'agent-restarted'],
      [started(armed, { activation: ok, running: oldClosure }), 'agent-restarted'],
      [started(armed, { activation: ok, bootId: 'boot-2' as typeof boot }), 'rebooted'],
      [started({ kind: 'fired', to: oldClosure, ok: true }, { activation: ok }), 'dead-man'],
    ] as const) {
      assert.equal(only(recovered('activating', input).events, 'unconfirmed').cause, cause);
    }
    const failed = started(absent, {
      activation: { kind: 'failed', cause: 'failed-units', output },
      bootId: 'boot-2' as typeof boot,
    });
    assert.equal(only(recovered('activating', failed).events, 'failed').cause, 'failed-units');
  });

  it('H14: an interrupted confirmation likewise; disarmed means that the commit was done', () => {
    assert.deepEqual(recovered('confirming', started(armed)).types, ['probe-afresh']);
    assert.deepEqual(recovered('confirming', started({ kind: 'disarmed' })).kinds, ['confirmed']);
    for (const [input, cause] of [
      [started(absent), 'agent-restarted'],
      [started(armed, { running: oldClosure }), 'agent-restarted'],
      [started({ kind: 'disarmed' }, { running: oldClosure }), 'agent-restarted'],
      [started(armed, { bootId: 'boot-2' as typeof boot }), 'rebooted'],
      [started({ kind: 'fired', to: oldClosure, ok: null }), 'dead-man'],
    ] as const) {
      assert.equal(only(recovered('confirming', input).events, 'unconfirmed').cause, cause);
    }
  });

  it('H14: a revert goes on, and believes a dead man only if the machine agrees', () => {
    const fired = { kind: 'fired', to: oldClosure, ok: true } as const;
    assert.deepEqual(recovered('reverting', started(fired, { running: oldClosure })).kinds, ['reverted']);
    assert.deepEqual(recovered('reverting', started(fired)).types, ['revert']);
    assert.deepEqual(recovered('reverting', started({ ...fired, ok: null })).types, ['await-dead-man']);
    assert.deepEqual(recovered('unconfirmed', started(absent)).types, ['revert']);
    assert.deepEqual(recovered('failed', started(absent)).types, ['revert']);
  });

  it('H14: a closure that was booted is guarded before it is confirmed, however often the agent dies meanwhile', () => {
    const first = recovered('deferred', started(absent, { bootId: 'boot-2' as typeof boot }));
    assert.deepEqual(first.types, ['arm']);
    const crashed: HostMemory = { ...memoryIn('deferred'), state: first.after.state };
    const second = react(crashed, started(absent, { bootId: 'boot-2' as typeof boot }));
    const [arm] = second.effects;
    assert.ok(arm && arm.type === 'arm' && arm.revertTo === oldClosure && arm.seconds === 120);
    const guarded = react(second.after, { type: 'armed', id: arm.id, deadline: muchLater });
    assert.deepEqual([guarded.kinds, guarded.types], [['confirming'], ['probe-afresh']]);
    assert.deepEqual(react(memoryIn('deferred'), { type: 'observed', running: target.closure }).types, ['arm']);
    const other = react(second.after, { type: 'intent', intent: intentOf(targetOf(3)) });
    assert.deepEqual(other.events, [], 'nothing else starts while it is armed');
  });

  it('H14: drift is told, and its end; a switch is no drift', () => {
    assert.deepEqual(recovered('converged', started(absent, { running: otherClosure })).kinds, ['drift']);
    const drifted = react(memoryIn('converged'), { type: 'observed', running: otherClosure });
    assert.deepEqual(react(drifted.after, { type: 'observed', running: otherClosure }).events, []);
    assert.deepEqual(react(drifted.after, { type: 'observed', running: target.closure }).kinds, ['drift']);
    for (const phase of ['activating', 'confirming', 'reverting'] as const) {
      assert.deepEqual(react(memoryIn(phase), { type: 'observed', running: closureOf('x') }).events, []);
    }
  });
});
