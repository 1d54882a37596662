import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { HostPhaseName, HostState } from '@nixfleet/contracts';
import {
  at,
  began,
  type boot,
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
  switchPolicy,
  target,
  targetOf,
} from './fixtures/host.ts';
import { absent, armed, busy, ok, only, react, started } from './fixtures/react.ts';
import type { HostInput, HostMemory, WorkingMemory } from './host-input.ts';
import { revertRetryMaxSeconds } from './revert.ts';
import { confirmSecondsOf } from './switch-times.ts';

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

  it('H6: where evidence decides, its collection has a time of its own', () => {
    const compliance = (mode: 'permissive' | 'enforce') => ({ mode, frameworks: [] });
    const timeoutSeconds = switchPolicy.confirm.timeoutSeconds;
    assert.equal(confirmSecondsOf(switchPolicy), timeoutSeconds);
    assert.equal(confirmSecondsOf({ ...switchPolicy, compliance: compliance('permissive') }), timeoutSeconds);
    assert.equal(confirmSecondsOf({ ...switchPolicy, compliance: compliance('enforce') }), timeoutSeconds + 180);
    const phase = phases.activating;
    const enforced = { ...switchPolicy, compliance: compliance('enforce') };
    const { events } = react(
      memoryIn('activating', busy('activate'), {
        phase: { ...phase, deadline: at('2026-06-01T13:00:00Z') },
        policy: enforced,
      }),
      {
        type: 'activated',
        id,
        outcome: ok,
      },
    );
    assert.equal(only(events, 'confirming').deadline, '2026-06-01T12:05:00Z');
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
