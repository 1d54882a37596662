import type { Invariant } from './rule.ts';

/** One gate or check switched off: an exact text of one product source, and what takes its place. */
export interface Mutation {
  readonly name: string;
  /** Inside `packages/`. */
  readonly file: string;
  readonly from: string;
  readonly to: string;
  /** What the simulation must find broken; several where more than one follows from it. */
  readonly breaks: readonly Invariant[];
}

/** What stands between a fleet and harm, each switched off in turn: a simulation that does not notice proves nothing. */
export const mutations: readonly Mutation[] = [
  {
    name: 'planner: waves are not looked at',
    file: 'engine/src/decide-host.ts',
    from: 'if (wave) withheld.push(wave);',
    to: '',
    breaks: ['S2'],
  },
  {
    name: 'planner: host edges are not looked at',
    file: 'engine/src/decide-host.ts',
    from: 'if (edge) withheld.push(edge);',
    to: '',
    breaks: ['S3'],
  },
  {
    name: 'planner: channel edges are not looked at',
    file: 'engine/src/plan.ts',
    from: 'if (!predecessor || isSettled(predecessor)) continue;',
    to: 'continue;',
    breaks: ['S3'],
  },
  {
    name: 'planner: budgets are not looked at',
    file: 'engine/src/decide-host.ts',
    from: 'if (budget) gates.push(budget);',
    to: 'if (budget) {}',
    breaks: ['S3'],
  },
  {
    name: 'planner: nobody waits for the journals after an empty start',
    file: 'engine/src/plan.ts',
    from: 'if (rebuilding) first.push(rebuilding);',
    to: '',
    breaks: ['S9'],
  },
  {
    name: 'brakes: holds are not looked at',
    file: 'engine/src/brake.ts',
    from: 'candidate.channel === channel && now < candidate.expiresAt',
    to: 'candidate.channel === channel && now > candidate.expiresAt',
    breaks: ['S4'],
  },
  {
    name: 'brakes: windows are not looked at',
    file: 'engine/src/brake.ts',
    from: 'if (intervalAt(windows, now)) return null;',
    to: 'if (windows.length > 0) return null;',
    breaks: ['S4'],
  },
  {
    name: 'host: the go is not asked for again before arming',
    file: 'agent/src/agent-loop.ts',
    from: 'const hasAnswered = (await this.#workers?.checkin.again(signal)) ?? false;',
    to: 'const hasAnswered = true;',
    breaks: ['S4'],
  },
  {
    name: 'host: nothing is armed before a switch',
    file: 'agent/src/effect-runner.ts',
    from: 'const armed = await host.arm(effect.revertTo, effect.seconds);',
    to: "const armed = { ok: true, detail: '' };",
    breaks: ['S10'],
  },
  {
    name: 'host: the closure digest is not compared',
    file: 'agent/src/fetch-closure.ts',
    from: 'isRight: digest === expected && modified.length === 0',
    to: 'isRight: modified.length === 0',
    breaks: ['S1'],
  },
  {
    name: 'host: probes need not have passed',
    file: 'engine/src/confirm.ts',
    from: '|| busy !== null || !havePassed(pass.working)) return;',
    to: '|| busy !== null) return;',
    breaks: ['S11'],
  },
  {
    name: 'host: confirmed without the control plane',
    file: 'engine/src/confirm.ts',
    from: "state.policy?.confirm.by === 'local') return commit",
    to: "state.policy?.confirm.by !== ('never' as string)) return commit",
    breaks: ['S11'],
  },
  {
    name: 'host: receipts are not verified',
    file: 'agent/src/intent.ts',
    from: 'if (!receipts.ok) return this.#refuse(go, receipts.reason, receipts.detail);',
    to: '',
    breaks: ['S2'],
  },
  {
    name: 'host: events are not waited for',
    file: 'agent/src/agent-loop.ts',
    from: 'await this.#append(events);\n      return true;',
    to: 'void this.#append(events);\n      return true;',
    breaks: ['S13'],
  },
];
