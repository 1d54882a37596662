import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  boot,
  awaitedId as id,
  intentOf,
  memoryIn,
  muchLater,
  noon,
  oldClosure,
  otherClosure,
  policy,
  target,
  targetOf,
} from './fixtures/host.ts';
import { HostMonitor } from './fixtures/host-monitor.ts';
import { ModelledMachine } from './fixtures/modelled-machine.ts';
import { absent, armed, busy, only, react, started } from './fixtures/react.ts';
import { owesBoot } from './host-state.ts';
import { bootSecondsMax } from './reboot.ts';

const nextBoot = 'boot-2' as typeof boot;
const pending = { rebootPending: { since: noon, component: 'kernel' } };
const immediate = { ...policy, reboot: 'immediate' } as const;
const inWindow = { ...policy, reboot: 'window' } as const;
const mayReboot = { hasGo: false, mayReboot: true };

function machine(
  behaviour: (closure: string) => ReturnType<ConstructorParameters<typeof ModelledMachine>[0]> = () => 'good',
) {
  const made = new ModelledMachine(behaviour, new HostMonitor().watch);
  made.wants(intentOf(targetOf(1, { closure: 'v1' })));
  made.advance(1);
  return made;
}

describe('a boot for what waits for one', () => {
  it('H20: only with a go for it, by policy, unbraked, and asked again just before', () => {
    const asks = (change: object, state: object = pending, phase: 'converged' | 'deferred' = 'converged') =>
      react(memoryIn(phase, {}, state), { type: 'intent', intent: intentOf(target, { ...mayReboot, ...change }) })
        .types;
    assert.deepEqual(asks({ policy: immediate }), ['recheck']);
    assert.deepEqual(asks({ policy: inWindow }), ['recheck']);
    assert.deepEqual(asks({ policy: immediate }, {}, 'deferred'), ['recheck']);
    assert.deepEqual(asks({ policy }), [], 'never');
    assert.deepEqual(asks({ policy: immediate, mayReboot: false, hasGo: true }), [], 'a go to switch is none to boot');
    assert.deepEqual(asks({ policy: immediate }, {}), [], 'nothing waits');
    assert.deepEqual(asks({ policy: immediate, brake: { code: 'hold' } }), []);
    assert.deepEqual(asks({ policy: immediate, brake: { code: 'freeze' } }), []);
    assert.deepEqual(asks({ policy: immediate, brake: { code: 'control-plane-silent' } }), []);
    assert.deepEqual(asks({ policy: inWindow, brake: { code: 'outside-window' } }), []);
    assert.deepEqual(asks({ policy: immediate, brake: { code: 'outside-window' } }), ['recheck']);

    const answered = (intent: ReturnType<typeof intentOf> | null) =>
      react(memoryIn('converged', busy('recheck'), pending), { type: 'rechecked', id, intent });
    assert.deepEqual(answered(intentOf(target, { ...mayReboot, policy: immediate })).kinds, ['rebooting']);
    assert.deepEqual(answered(intentOf(target, { policy: immediate })).kinds, []);
    assert.deepEqual(
      answered(intentOf(target, { ...mayReboot, policy: immediate, brake: { code: 'hold' } })).kinds,
      [],
    );
    assert.deepEqual(answered(null).kinds, []);
  });

  it('H20: the journal tells of it before the machine goes down, with what a revert goes to and by when', () => {
    const intent = intentOf(target, { ...mayReboot, policy: immediate });
    const { events, effects } = react(memoryIn('deferred', busy('recheck')), { type: 'rechecked', id, intent });
    const body = only(events, 'rebooting');
    assert.deepEqual([body.revertTo, body.component], [oldClosure, 'systemd']);
    const seconds = (Date.parse(body.deadline) - Date.parse(noon)) / 1000;
    assert.equal(seconds, bootSecondsMax + policy.confirm.timeoutSeconds);
    const [effect] = effects;
    assert.ok(effect?.type === 'reboot');
    assert.deepEqual([effect.revertTo, effect.guardSeconds], [oldClosure, policy.confirm.timeoutSeconds]);
  });

  it('H21: after the boot it is guarded and confirms by the same rules; in another system it has failed', () => {
    const up = react(memoryIn('rebooting'), started(armed, { bootId: nextBoot }));
    assert.deepEqual([up.kinds, up.types], [['started'], ['arm']]);
    const waiting = memoryIn('rebooting', {}, { bootId: boot, rebootPending: { since: noon, component: 'kernel' } });
    assert.equal(react(waiting, started(armed, { bootId: nextBoot })).after.state.rebootPending, null);
    assert.ok(react(waiting, started(absent, { bootId: boot })).after.state.rebootPending, 'the same boot');
    const elsewhere = react(memoryIn('rebooting'), started(absent, { bootId: nextBoot, running: oldClosure }));
    assert.deepEqual(elsewhere.kinds, ['started', 'failed', 'reverting']);
    assert.equal(only(elsewhere.events, 'failed').cause, 'boot-failed');
    const unasked = { bootId: nextBoot, running: oldClosure, wasBootOrdered: false };
    const cut = react(memoryIn('rebooting'), started(absent, unasked));
    assert.deepEqual(cut.kinds, ['started', 'unconfirmed', 'reverting'], 'before the loader was told');
    assert.deepEqual([only(cut.events, 'unconfirmed').cause, cut.after.state.quarantine], ['rebooted', []]);
    const fired = { kind: 'fired', to: oldClosure, ok: true } as const;
    const late = react(memoryIn('rebooting'), started(fired, { bootId: nextBoot, running: oldClosure }));
    assert.deepEqual(late.kinds, ['started', 'unconfirmed', 'reverting', 'reverted']);
    assert.equal(only(late.events, 'unconfirmed').cause, 'dead-man');
  });

  it('H21: an agent that is started anew in the same boot goes on with it; one that does not go down is refused, later again', () => {
    const again = react(memoryIn('rebooting'), started(absent, { running: oldClosure }));
    assert.deepEqual([again.kinds, again.types], [['started'], ['reboot']]);
    const stuck = react(memoryIn('rebooting', busy('reboot')), { type: 'tick' }, muchLater);
    assert.deepEqual([stuck.kinds, only(stuck.events, 'refused').reason], [['refused'], 'reboot-refused']);
    const booted = react(memoryIn('rebooting', busy('arm')), { type: 'tick' }, muchLater);
    assert.deepEqual(booted.kinds, [], 'up again, and about to be guarded');
  });

  it('H21: a new kernel: switched live, told, booted when it may, confirmed again and done', () => {
    const host = machine((closure) => (closure.endsWith('new') ? 'new-kernel' : 'good'));
    const wants = targetOf(2, { closure: 'new' });
    host.wants(intentOf(wants, { policy: immediate }));
    assert.ok(host.settle());
    assert.equal(host.memory.state.rebootPending?.component, 'kernel');
    assert.equal(host.boots, 1, 'a go to switch boots nothing');
    host.wants(intentOf(wants, { ...mayReboot, policy: immediate }));
    for (let round = 0; round < 12; round++) {
      host.answer();
      host.advance(20);
    }
    assert.deepEqual([host.boots, host.phase.name, host.memory.state.rebootPending], [2, 'converged', null]);
    const kinds = host.journal.map(({ kind }) => kind);
    assert.deepEqual(
      kinds.slice(kinds.indexOf('rebooting')).filter((kind) => kind !== 'probe' && kind !== 'reboot-pending'),
      ['rebooting', 'started', 'confirming', 'probes-passed', 'confirmed', 'converged'],
    );
  });

  it('H21: a boot that the machine refuses is asked for again with back-off, and the host stays as it is', () => {
    const host = machine((closure) => (closure.endsWith('new') ? 'new-kernel' : 'good'));
    host.canReboot = false;
    const wants = targetOf(2, { closure: 'new' });
    host.wants(intentOf(wants, { policy: immediate }));
    assert.ok(host.settle());
    host.wants(intentOf(wants, { ...mayReboot, policy: immediate }));
    for (let round = 0; round < 60; round++) {
      for (let count = 0; count < 4; count++) host.answer();
      host.wants(host.intent);
      host.advance(10);
    }
    const tries = host.journal.filter(({ kind }) => kind === 'rebooting').length;
    assert.ok(tries >= 3 && tries <= 6, `${tries} tries in ten minutes`);
    assert.equal(host.boots, 1);
  });
});

describe('`reboots`: every host boots once more', () => {
  const order = (reboots: number, change: object = {}) => intentOf(targetOf(5, { closure: 'v1', reboots }), change);
  const play = (host: ModelledMachine) => {
    for (let round = 0; round < 14; round++) {
      host.answer();
      host.advance(20);
    }
  };

  it('H22: a host that runs its closure boots it once, with a go, and then converges', () => {
    const host = machine();
    host.wants(order(1, { hasGo: false }));
    play(host);
    assert.equal(host.boots, 1, 'not without its go');
    assert.ok(!host.journal.some(({ kind, body }) => kind === 'converged' && body.target.reboots === 1));
    host.wants(order(1));
    play(host);
    assert.deepEqual([host.boots, host.phase.name, host.running], [2, 'converged', oldClosure]);
    host.wants(order(1));
    play(host);
    assert.equal(host.boots, 2, 'once');
    host.wants(intentOf(targetOf(6, { closure: 'v1', reboots: 2 })));
    play(host);
    assert.equal(host.boots, 3);
  });

  it('H22: policy `never` keeps hosts from booting by themselves, not from what was ordered', () => {
    const host = machine();
    host.wants(order(1, { policy }));
    play(host);
    assert.equal(host.boots, 2);
  });

  it('H22: one that was booted since it saw the number does nothing, whoever booted it', () => {
    const host = machine();
    host.wants(order(1, { hasGo: false }));
    host.reboot();
    host.wants(order(1));
    play(host);
    assert.deepEqual([host.boots, host.phase.name], [2, 'converged']);
    assert.ok(!host.journal.some(({ kind }) => kind === 'rebooting'));
  });

  it('H22: booted by somebody else while it fetches, it converges without another boot', () => {
    const wants = { ...target, reboots: 1 };
    const reboots = { number: 1, bootId: boot, done: 0 };
    const { closure, rolloutId } = target;
    const memory = memoryIn(
      'fetching',
      {},
      {
        ...{ bootId: nextBoot, running: closure, confirmed: { closure, rolloutId, at: noon }, reboots },
        phase: { name: 'fetching', target: wants, since: noon },
      },
    );
    assert.deepEqual(react(memory, { type: 'intent', intent: intentOf(wants) }).kinds, ['converged']);
  });

  it('H22: a number that is taken back or lowered asks for nothing', () => {
    const host = machine();
    host.wants(order(3, { hasGo: false }));
    play(host);
    host.wants(intentOf(targetOf(6, { closure: 'v1' })));
    play(host);
    assert.deepEqual([host.boots, host.phase.name], [1, 'converged']);
    host.reboot();
    host.wants(intentOf(targetOf(7, { closure: 'v1', reboots: 2 })));
    play(host);
    assert.deepEqual([host.boots, host.phase.name], [2, 'converged']);
  });

  it('H22: a host that was just installed owes no boot, one that lost its journal owes one', () => {
    const { state } = machine().memory;
    assert.deepEqual(state.reboots, { number: 0, bootId: 'boot-1', done: 0 });
    assert.equal(owesBoot(state, 1), true);
    assert.equal(owesBoot({ ...state, reboots: { number: 0, bootId: null, done: 0 } }, 1), false);
    const { reboots: _, ...forgot } = state;
    assert.equal(owesBoot(forgot, 1), true);
    assert.equal(owesBoot(forgot, 0), false);
    const raisedSince = { ...state, reboots: { number: 3, bootId: boot, done: 1 } };
    assert.deepEqual([owesBoot(raisedSince, 1), owesBoot(raisedSince, 3)], [false, true], 'what was done stays done');
  });

  it('H22: a new closure together with a raised number is booted into, not switched to', () => {
    const host = machine();
    host.wants(intentOf(targetOf(5, { closure: 'good', reboots: 1 })));
    play(host);
    assert.deepEqual([host.boots, host.phase.name, host.bootDefault], [2, 'converged', host.running]);
    assert.ok(!host.journal.some(({ kind }) => kind === 'activating'));
  });

  it('H21: one that does not come up with its target ends on what it ran, failed and quarantined', () => {
    const host = machine((closure) => (closure.endsWith('panics') ? 'panics' : 'good'));
    host.wants(intentOf(targetOf(5, { closure: 'panics', reboots: 1 })));
    play(host);
    assert.deepEqual([host.phase.name, host.running, host.bootDefault], ['reverted', oldClosure, oldClosure]);
    assert.equal(host.memory.state.quarantine[0]?.cause, 'boot-failed');
    assert.equal(host.boots, 2, 'and is not tried again');
  });

  it('H5: probes that fail after the boot revert like after a switch', () => {
    const host = machine((closure) => (closure.endsWith('bad') ? 'bad-probe' : 'good'));
    host.wants(intentOf(targetOf(5, { closure: 'bad', reboots: 1 })));
    for (let round = 0; round < 20; round++) {
      host.answer();
      host.answer();
      host.advance(5);
    }
    assert.deepEqual([host.phase.name, host.running], ['reverted', oldClosure]);
    assert.notEqual(host.running, otherClosure);
  });
});
