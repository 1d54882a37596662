import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { HostTarget } from '@nixfleet/contracts';
import fc from 'fast-check';
import {
  at,
  began,
  type boot,
  closureOf,
  awaitedId as id,
  intentOf,
  memoryIn,
  muchLater,
  noon,
  oldClosure,
  otherClosure,
  phases,
  policy,
  targetOf,
} from './fixtures/host.ts';
import { HostMonitor } from './fixtures/host-monitor.ts';
import { type Behaviour, ModelledMachine } from './fixtures/modelled-machine.ts';
import { absent, armed, busy, only, react, started } from './fixtures/react.ts';

const until = at('2026-06-01T09:00:00Z');
const trialOf = (number: number, change: Partial<HostTarget> = {}): HostTarget => ({
  ...targetOf(number, { closure: 'tried' }),
  trialUntil: until,
  soakSeconds: 0,
  ...change,
});

/** A host that has converged on a release, with a trial of another closure in its hand. */
function machine(behaviour: Behaviour = 'good'): ModelledMachine {
  const made = new ModelledMachine(
    (closure) => (closure === closureOf('tried') ? behaviour : 'good'),
    new HostMonitor().watch,
  );
  made.wants(intentOf(targetOf(1, { closure: 'v1' })));
  made.advance(1);
  made.wants(intentOf(trialOf(2)));
  return made;
}

function play(host: ModelledMachine, seconds: number): void {
  for (let left = seconds; left > 0; left -= 20) {
    for (let count = 0; count < 4; count++) host.answer();
    host.wants(host.intent);
    host.advance(20);
  }
}

const home = (host: ModelledMachine) => [
  host.running,
  host.bootDefault,
  host.memory.state.confirmed?.closure,
  host.deadMan.kind === 'armed',
];
const atHome = [oldClosure, oldClosure, oldClosure, false];

describe('a trial', () => {
  it('H23: it runs until its end, alive and unconfirmed, and then the host is where it was', () => {
    const host = machine();
    play(host, 600);
    assert.equal(host.phase.name, 'trying');
    assert.deepEqual(
      [host.running, host.bootDefault, host.memory.state.confirmed?.closure, host.deadMan.kind],
      [closureOf('tried'), oldClosure, oldClosure, 'armed'],
    );
    play(host, 3600);
    assert.deepEqual([host.phase.name, ...home(host)], ['reverted', ...atHome]);
    const kinds = host.journal.map(({ kind }) => kind);
    assert.ok(!kinds.slice(kinds.indexOf('fetching')).includes('converged'));
    host.wants(intentOf(targetOf(1, { closure: 'v1' })));
    assert.equal(host.phase.name, 'converged', 'and its channel has it back, without a switch');
  });

  it('H23: without an agent the dead man ends it, by the same clock', () => {
    const host = machine();
    play(host, 300);
    // Armed some seconds after it was asked for, it stands as much longer.
    host.nowMs = Date.parse(until) + 30_000;
    assert.deepEqual(host.deadMan, { kind: 'armed', to: oldClosure });
    host.fireIfDue();
    assert.deepEqual([host.running, host.bootDefault], [oldClosure, oldClosure]);
  });

  it('H23: a boot ends it, whoever causes it, and it does not begin again', () => {
    const host = machine();
    play(host, 300);
    host.reboot();
    assert.deepEqual([host.phase.name, ...home(host)], ['reverted', ...atHome]);
    assert.equal(only(host.journal, 'reverted').by, 'boot');
    play(host, 600);
    assert.equal(host.journal.filter(({ kind }) => kind === 'fetching').length, 1);
  });

  it('H23: an agent that is started anew goes on with it, and ends it where nothing guards it any more', () => {
    const host = machine();
    play(host, 300);
    host.crash();
    assert.equal(host.phase.name, 'trying');
    const lost = react(memoryIn('trying'), started(absent));
    assert.deepEqual([lost.kinds, lost.types], [['started', 'reverting'], ['revert']]);
    const other = react(memoryIn('trying'), started(armed, { running: otherClosure }));
    assert.deepEqual(other.types, ['revert']);
    const fired = react(
      memoryIn('trying'),
      started({ kind: 'fired', to: oldClosure, ok: true }, { running: oldClosure }),
    );
    assert.deepEqual(fired.kinds, ['started', 'reverting', 'reverted']);
    const elsewhere = react(
      memoryIn('trying'),
      started(absent, { bootId: 'boot-2' as typeof boot, running: otherClosure }),
    );
    assert.deepEqual(elsewhere.types, ['revert'], 'a boot into something else');
  });

  it('H23: a release that names it no longer ends it', () => {
    const host = machine();
    play(host, 300);
    host.wants(intentOf(targetOf(1, { closure: 'v1' })));
    play(host, 60);
    assert.deepEqual(home(host), atHome);
  });

  it('H23: failing, silent or in need of a reboot it ends at home, quarantines nothing and is not tried again', () => {
    for (const behaviour of ['bad-probe', 'bad-activation', 'mute', 'hanging', 'needs-reboot'] as const) {
      const host = machine(behaviour);
      play(host, 1200);
      assert.deepEqual(home(host), atHome, behaviour);
      assert.deepEqual([host.memory.state.quarantine, host.memory.state.retry], [[], null], behaviour);
      assert.equal(host.journal.filter(({ kind }) => kind === 'fetching').length, 1, behaviour);
      host.wants(intentOf(targetOf(3, { closure: 'good' })));
      play(host, 300);
      assert.deepEqual([host.phase.name, host.running], ['converged', closureOf('good')], behaviour);
    }
    const cut = machine();
    cut.isReachable = false;
    play(cut, 1200);
    assert.deepEqual(home(cut), atHome, 'cut off');
  });

  it('H23: it begins only from rest, on what was confirmed, with a go, unbraked, and before its end', () => {
    const wanted = { type: 'intent', intent: intentOf(trialOf(3, { trialUntil: muchLater })) } as const;
    assert.deepEqual(react(memoryIn('converged'), wanted).kinds, ['fetching']);
    assert.deepEqual(react(memoryIn('reverted'), wanted).kinds, ['fetching']);
    for (const phase of [
      'activating',
      'confirming',
      'rebooting',
      'soaking',
      'trying',
      'reverting',
      'deferred',
    ] as const) {
      assert.ok(!react(memoryIn(phase), wanted).kinds.includes('fetching'), phase);
    }
    assert.deepEqual(react(memoryIn('converged', {}, { running: otherClosure }), wanted).kinds, []);
    assert.deepEqual(react(memoryIn('converged', {}, { trialEnded: trialOf(3).rolloutId }), wanted).kinds, []);
    const asked = (change: object, target = trialOf(3, { trialUntil: muchLater })) =>
      react(memoryIn('converged'), { type: 'intent', intent: intentOf(target, change) }).kinds;
    assert.ok(!asked({ hasGo: false }).includes('fetching'));
    assert.ok(!asked({ brake: { code: 'hold' } }).includes('fetching'));
    assert.ok(!asked({ policy: { ...policy, mode: 'observe' } }).includes('fetching'));
    assert.deepEqual(asked({}, trialOf(3, { trialUntil: began })), []);
  });

  it('H23: one that needs a reboot is refused for good: a boot would end it', () => {
    const phase = { ...phases.activating, target: trialOf(2, { trialUntil: muchLater }) };
    const outcome = { kind: 'needs-reboot', component: 'systemd' } as const;
    const { events, after } = react(memoryIn('activating', busy('activate'), { phase }), {
      type: 'activated',
      id,
      outcome,
    });
    assert.equal(only(events, 'refused').reason, 'trial-needs-reboot');
    assert.equal(after.state.trialEnded, phase.target.rolloutId);
  });

  it('H23: where the guard until its end cannot be armed, it is given up', () => {
    const memory = memoryIn('confirming', busy('arm'), {
      phase: { ...phases.confirming, target: trialOf(2, { trialUntil: muchLater }) },
    });
    const { kinds, types } = react(memory, { type: 'arm-refused', id, detail: 'no' }, noon);
    assert.deepEqual([kinds, types], [['unconfirmed', 'reverting'], ['revert']]);
  });

  it('H23: killed, cut off or booted at any time, it ends at home', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            answers: fc.integer({ min: 0, max: 4 }),
            eventsKept: fc.option(fc.integer({ min: 0, max: 2 }), { nil: undefined }),
            what: fc.constantFrom('crash' as const, 'reboot' as const, 'cut' as const, 'none' as const),
          }),
          { maxLength: 12 },
        ),
        fc.constantFrom<Behaviour[]>('good', 'mute', 'hanging', 'bad-probe'),
        (list, behaviour) => {
          const host = machine(behaviour);
          for (const { answers, eventsKept, what } of list) {
            for (let count = 0; count < answers; count++) host.answer();
            host.answer(eventsKept);
            if (what === 'crash' || what === 'reboot') host[what]();
            if (what === 'cut') host.isReachable = false;
            host.advance(10);
          }
          play(host, 4800);
          assert.deepEqual(home(host), atHome);
          assert.deepEqual(host.memory.state.quarantine, []);
        },
      ),
      { numRuns: 300 },
    );
  });
});
