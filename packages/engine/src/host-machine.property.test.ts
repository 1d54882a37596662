import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { StorePath } from '@nixfleet/contracts';
import fc from 'fast-check';
import {
  at,
  awaitedId,
  boot,
  closureOf,
  http,
  intentOf,
  memoryIn,
  muchLater,
  noon,
  oldClosure,
  output,
  phases,
  policy,
  targetOf,
} from './fixtures/host.ts';
import { HostMonitor } from './fixtures/host-monitor.ts';
import { type Behaviour, ModelledMachine } from './fixtures/modelled-machine.ts';
import type { HostInput, HostMemory, Intent, WorkingMemory } from './host-input.ts';
import { step } from './host-machine.ts';

const closures = ['v1', 'v2', 'v3', 'v4'].map(closureOf);
const ids = fc.integer({ min: 1, max: 16 });
const path = fc.constantFrom(...closures);
const running = fc.option(path, { nil: null });
const arbitraryIntent: fc.Arbitrary<Intent | null> = fc.option(
  fc
    .record({
      number: fc.integer({ min: 1, max: 4 }),
      closure: fc.constantFrom('v1', 'v2', 'v3', 'v4'),
      attempt: fc.integer({ min: 1, max: 3 }),
      go: fc.constantFrom('none' as const, 'switch' as const, 'reboot' as const),
      brake: fc.constantFrom(
        null,
        { code: 'hold' as const },
        { code: 'control-plane-silent' as const },
        { code: 'outside-window' as const },
      ),
      isLocal: fc.boolean(),
      isHalting: fc.boolean(),
      reboot: fc.constantFrom('never' as const, 'window' as const, 'immediate' as const),
      reboots: fc.integer({ min: 0, max: 2 }),
      drift: fc.constantFrom(undefined, 'hold' as const, 'reactivate' as const),
      trialUntil: fc.constantFrom(undefined, undefined, muchLater),
    })
    .map(({ number, closure, attempt, go, brake, isLocal, isHalting, reboot, reboots, drift, trialUntil }) =>
      intentOf(
        { ...targetOf(number, { closure, attempt, reboots }), ...(trialUntil && { trialUntil }) },
        {
          hasGo: go === 'switch',
          mayReboot: go === 'reboot',
          brake,
          policy: {
            ...policy,
            reboot,
            ...(drift && { drift }),
            confirm: { ...policy.confirm, by: isLocal ? 'local' : 'control-plane' },
            onHealthFailure: isHalting ? 'halt' : 'rollback-and-halt',
          },
        },
      ),
    ),
  { nil: null, freq: 8 },
);
const outcome = fc.oneof(
  running.map((found) => ({ kind: 'ok' as const, running: found, output })),
  fc.constant({ kind: 'failed' as const, cause: 'failed-units' as const, output }),
  fc.constant({
    kind: 'refused' as const,
    reason: 'activation-lock-busy' as const,
    detail: `${'x'.repeat(1200)}\ud800`,
  }),
  fc.constant({ kind: 'needs-reboot' as const, component: 'systemd' }),
);
const deadMan = fc.oneof(
  fc.constantFrom(
    { kind: 'absent' as const },
    { kind: 'disarmed' as const },
    { kind: 'armed' as const, to: oldClosure },
  ),
  fc.record({ kind: fc.constant('fired' as const), to: path, ok: fc.constantFrom(true, false, null) }),
);

/** Anything at all, in any order, true or not. */
const arbitraryInput: fc.Arbitrary<HostInput> = fc.oneof(
  fc.record({
    type: fc.constant('started' as const),
    running,
    bootId: fc.constantFrom(boot, 'boot-2' as typeof boot),
    agentVersion: fc.constant('1'),
    deadMan,
    activation: fc.oneof(outcome, fc.constantFrom('running' as const, 'unknown' as const)),
    wasBootOrdered: fc.boolean(),
  }),
  arbitraryIntent.map((intent) => ({ type: 'intent' as const, intent })),
  ids.map((id) => ({ type: 'fetched' as const, id })),
  ids.map((id) => ({ type: 'fetch-refused' as const, id, reason: 'disk-full' as const, detail: 'full' })),
  fc.record({ type: fc.constant('rechecked' as const), id: ids, intent: arbitraryIntent }),
  fc.record({ type: fc.constant('armed' as const), id: ids, deadline: fc.constantFrom(noon, muchLater) }),
  ids.map((id) => ({ type: 'arm-refused' as const, id, detail: 'no' })),
  fc.record({ type: fc.constant('activated' as const), id: ids, outcome }),
  ids.map((id) => ({ type: 'reboot-refused' as const, id, detail: 'no' })),
  fc.record({ type: fc.constant('checks-known' as const), id: ids, enforced: fc.constantFrom([], [http]) }),
  fc.record({
    type: fc.constant('probe' as const),
    id: ids,
    check: fc.constant(http),
    status: fc.constantFrom('pass' as const, 'fail' as const),
    mode: fc.constantFrom('enforce' as const, 'observe' as const),
    failureThreshold: fc.integer({ min: 1, max: 2 }),
  }),
  ids.map((id) => ({ type: 'accepted' as const, id })),
  ids.map((id) => ({ type: 'committed' as const, id })),
  ids.map((id) => ({ type: 'commit-lost' as const, id })),
  ids.map((id) => ({ type: 'commit-failed' as const, id, detail: 'no' })),
  deadMan.map((report) => ({ type: 'dead-man' as const, report })),
  fc.record({
    type: fc.constant('reverted' as const),
    id: ids,
    running,
    by: fc.constantFrom('agent' as const, 'dead-man' as const, 'boot' as const),
  }),
  running.map((found) => ({ type: 'observed' as const, running: found })),
  fc.constant({ type: 'tick' as const }),
);

/** What is awaited at first, so that every phase is left in its own ways. */
const busyAtFirst: Partial<Record<keyof typeof phases, NonNullable<WorkingMemory['busy']>['type']>> = {
  fetching: 'fetch',
  activating: 'activate',
  rebooting: 'reboot',
  reverting: 'revert',
};

/** Mostly an answer to what is awaited, so that sequences get far. */
const arbitraryStep = fc.record({
  input: arbitraryInput,
  isAnswer: fc.boolean(),
  later: fc.integer({ min: 0, max: 900 }),
});

function aimed(input: HostInput, { working }: HostMemory): HostInput {
  if (!('id' in input)) return input;
  const id = input.type === 'probe' || input.type === 'checks-known' ? working.probing : working.busy?.id;
  return { ...input, id: id ?? input.id };
}

describe('the host machine under any inputs (H1, H3, H4, H5, H6, H7, H8, H9, H10, H11, H12)', () => {
  it('keeps every invariant, and never throws', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...(Object.keys(phases) as (keyof typeof phases)[])),
        fc.array(arbitraryStep, { maxLength: 40 }),
        (phase, steps) => {
          const monitor = new HostMonitor();
          const type = busyAtFirst[phase];
          let memory = memoryIn(phase, { busy: type ? { type, id: awaitedId } : null });
          let ms = Date.parse(noon);
          for (const { input, isAnswer, later } of steps) {
            ms += later * 1000;
            const before = memory;
            const sent = isAnswer ? aimed(input, memory) : input;
            const now = at(new Date(ms).toISOString().replace('.000', ''));
            const result = step(before, sent, { now });
            monitor.watch({ before, input: sent, result, now });
            assert.deepEqual(step(before, sent, { now }), result, 'H1: not deterministic');
            memory = result.memory;
          }
        },
      ),
      { numRuns: 1500 },
    );
  });
});

const behaviours: Readonly<Record<string, Behaviour>> = {
  v1: 'good',
  good: 'good',
  'good-too': 'good',
  'bad-activation': 'bad-activation',
  'bad-probe': 'bad-probe',
  mute: 'mute',
  hanging: 'hanging',
  refused: 'refused',
  'needs-reboot': 'needs-reboot',
  unfetchable: 'unfetchable',
  'new-kernel': 'new-kernel',
  panics: 'panics',
};
const byClosure = new Map(Object.entries(behaviours).map(([name, behaviour]) => [closureOf(name), behaviour]));
const behaviourOf = (closure: StorePath): Behaviour => byClosure.get(closure) ?? 'good';

type Command =
  | { readonly kind: 'answer'; readonly eventsKept: number | undefined }
  | { readonly kind: 'repeat'; readonly which: number }
  | { readonly kind: 'advance'; readonly seconds: number }
  | { readonly kind: 'crash' | 'reboot' | 'cut' | 'mend' }
  | {
      readonly kind: 'intend';
      readonly name: string;
      readonly hasGo: boolean;
      readonly isHeld: boolean;
      readonly isHalting: boolean;
      readonly mayReboot: boolean;
      readonly reboots: number;
    };

const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constant('answer' as const),
      eventsKept: fc.option(fc.integer({ min: 0, max: 3 }), { nil: undefined, freq: 5 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('repeat' as const), which: fc.nat() }) },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('advance' as const), seconds: fc.constantFrom(1, 30, 61, 130, 500) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constantFrom('crash' as const, 'reboot' as const, 'cut' as const, 'mend' as const),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('intend' as const),
      name: fc.constantFrom(...Object.keys(behaviours)),
      hasGo: fc.boolean(),
      isHeld: fc.boolean(),
      isHalting: fc.boolean(),
      mayReboot: fc.boolean(),
      reboots: fc.integer({ min: 0, max: 2 }),
    }),
  },
);

/** Runs commands on one machine; every intent is a release later than the one before. */
function play(commands: readonly Command[]): {
  machine: ModelledMachine;
  intend: (name: string, change?: Partial<Intent>, reboots?: number) => void;
} {
  const monitor = new HostMonitor();
  const machine = new ModelledMachine(behaviourOf, monitor.watch);
  let release = 1;
  const intend = (name: string, change: Partial<Intent> = {}, reboots = 0): void => {
    release += 1;
    machine.wants(intentOf(targetOf(release, { closure: name, attempt: release, reboots }), change));
  };
  for (const next of commands) {
    switch (next.kind) {
      case 'answer':
        machine.answer(next.eventsKept);
        break;
      case 'repeat': {
        const effect = machine.started[next.which % Math.max(machine.started.length, 1)];
        if (effect && 'id' in effect && effect.type === 'fetch') machine.input({ type: 'fetched', id: effect.id - 1 });
        break;
      }
      case 'advance':
        machine.advance(next.seconds);
        break;
      case 'crash':
        machine.crash();
        break;
      case 'reboot':
        machine.reboot();
        break;
      case 'cut':
      case 'mend':
        machine.isReachable = next.kind === 'mend';
        break;
      case 'intend': {
        const { hasGo, isHeld, isHalting, mayReboot, reboots } = next;
        const onHealthFailure = isHalting ? 'halt' : 'rollback-and-halt';
        const rules = { ...policy, onHealthFailure, reboot: 'immediate' } as const;
        const brake = isHeld ? ({ code: 'hold' } as const) : null;
        intend(next.name, { hasGo: hasGo && !mayReboot, mayReboot: hasGo && mayReboot, brake, policy: rules }, reboots);
        break;
      }
    }
  }
  return { machine, intend };
}

/** It holds a release from before, as `oldClosure`. */
function converge(machine: ModelledMachine): void {
  machine.wants(intentOf(targetOf(1, { closure: 'v1' })));
  machine.advance(1);
  assert.equal(machine.phase.name, 'converged');
}

describe('the host machine on a modelled machine (H14, H15, H16)', () => {
  const commands = fc.array(command, { maxLength: 60 });

  it('H16: after anything, a good release converges', () => {
    fc.assert(
      fc.property(commands, (list) => {
        const { machine, intend } = play(list);
        machine.isReachable = true;
        intend('good');
        assert.ok(machine.settle(), `stuck in ${JSON.stringify(machine.phase)}`);
        assert.equal(machine.phase.name, 'converged');
        assert.equal(machine.running, closureOf('good'));
        assert.equal(machine.bootDefault, closureOf('good'));
        assert.notEqual(machine.deadMan.kind, 'armed');
      }),
      { numRuns: 400 },
    );
  });

  it('H15: after anything, a bad or cut-off release ends on the last confirmed closure', () => {
    fc.assert(
      fc.property(commands, fc.constantFrom('bad-activation', 'bad-probe'), (list, name) => {
        const { machine, intend } = play(list);
        machine.isReachable = true;
        intend('good-too');
        assert.ok(machine.settle());
        intend(name);
        assert.ok(machine.settle(), `stuck in ${JSON.stringify(machine.phase)}`);
        assert.equal(machine.phase.name, 'reverted');
        assert.equal(machine.running, closureOf('good-too'));
        assert.equal(machine.bootDefault, closureOf('good-too'));
      }),
      { numRuns: 300 },
    );
  });

  it('H14: killed after any event of a switch or a boot, it ends confirmed on the new or on the old closure', () => {
    for (const isReachable of [true, false]) {
      for (const [name, reboots] of [
        ...['good', 'bad-activation', 'bad-probe', 'mute', 'hanging', 'refused', 'needs-reboot', 'unfetchable'].map(
          (closure) => [closure, 0] as const,
        ),
        ...['good', 'bad-probe', 'mute', 'panics'].map((closure) => [closure, 1] as const),
      ] as const) {
        for (const how of ['crash', 'reboot'] as const) {
          for (let answers = 0; answers < 11; answers++) {
            for (const eventsKept of [undefined, 0, 1, 2, 3]) {
              const { machine, intend } = play([]);
              machine.isReachable = isReachable;
              if (reboots > 0) converge(machine);
              intend(name, {}, reboots);
              for (let count = 0; count < answers; count++) machine.answer();
              machine.answer(eventsKept);
              machine[how]();
              machine.wants(null);
              // No release and, if cut off, no control plane: the machine must find home by itself.
              for (let round = 0; round < 9; round++) {
                for (let count = 0; count < 4; count++) machine.answer();
                machine.advance(90);
              }
              const { phase, running, bootDefault, memory } = machine;
              const what = `${name} (${reboots}) ${how} after ${answers} answers, ${eventsKept} events: ${phase.name}`;
              assert.equal(running, memory.state.confirmed?.closure, what);
              assert.equal(bootDefault, running, what);
              assert.notEqual(machine.deadMan.kind, 'armed', what);
              if (!isReachable) assert.equal(running, oldClosure, what);
            }
          }
        }
      }
    }
  });
});
