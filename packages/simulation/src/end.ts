import type { SimulatedFleet } from './simulated-fleet.ts';
import type { SimulatedHost } from './simulated-host.ts';
import type { Witness } from './witness.ts';

/** What must be true when it has been calm for a while. */
export function judgeEnd(fleet: SimulatedFleet, witness: Witness): void {
  for (const host of fleet.hosts.values()) judgeHost(fleet, witness, host);
}

/** S6: it runs what the last release gives it, and would boot it; nothing stands that would revert it. */
function judgeHost(fleet: SimulatedFleet, witness: Witness, { name, machine, agent }: SimulatedHost): void {
  const wanted = fleet.ci.intent.hosts[name]?.real?.closure;
  const phase = agent.running?.loop.memory.state.phase.name ?? 'not running';
  const found = `it runs ${machine.running}, boots ${machine.bootDefault}, is ${phase}`;
  if (machine.running !== wanted || machine.bootDefault !== wanted || phase !== 'converged' || machine.isArmed) {
    witness.judge([name], { invariant: 'S6', text: `${name} should have converged on ${wanted}: ${found}` });
  }
}
