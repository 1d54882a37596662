import { HostView, type Instant } from '@nixfleet/contracts';
import { broken } from './rule.ts';
import type { SimulatedFleet } from './simulated-fleet.ts';
import type { SimulatedHost } from './simulated-host.ts';
import type { Witness } from './witness.ts';

/** What must be true when it has been calm for a while, of everybody but those who are away. */
export async function judgeEnd(fleet: SimulatedFleet, witness: Witness, except: readonly string[] = []): Promise<void> {
  for (const host of fleet.hosts.values()) if (!except.includes(host.name)) await judgeHost(fleet, witness, host);
  if (witness.breach === null) await judgeReplay(fleet, witness);
}

/** S6: it runs what the last release gives it, and would boot it; nothing stands that would revert it. */
async function judgeHost(
  fleet: SimulatedFleet,
  witness: Witness,
  { name, machine, agent }: SimulatedHost,
): Promise<void> {
  const wanted = fleet.ci.intent.hosts[name]?.real?.closure;
  const phase = agent.running?.loop.memory.state.phase.name ?? 'not running';
  const found = `it runs ${machine.running}, boots ${machine.bootDefault}, is ${phase}`;
  if (machine.running !== wanted || machine.bootDefault !== wanted || phase !== 'converged' || machine.isArmed) {
    const { withheld } = HostView.parse(await fleet.view(`/v1/hosts/${name}`));
    const why = JSON.stringify(withheld);
    witness.judge(name, broken('S6', `${name} should have converged on ${wanted}: ${found}; waits for ${why}`));
  }
}

/** From the end of a trial until its machine runs again what it had confirmed, at the most, in milliseconds. */
const trialOverMs = 5 * 60_000;

/** S5: what it remembers as failed, it has signed as failed. S18: a trial whose time is over is over. */
export function judgeState(
  witness: Witness,
  host: SimulatedHost,
  { now, nowMs }: { readonly now: Instant; readonly nowMs: number },
): void {
  const { name, machine, isOn, time, hasCollector } = host;
  if (machine.disk.isFull || time.wallOffsetMs !== 0 || !hasCollector) {
    witness.facts.knowledge(name).hinderedAtMs = nowMs;
  }
  if (host.line.loss > 0) witness.facts.knowledge(name).lossyAtMs = nowMs;
  const { phase, target, trialEndsAt } = witness.facts.ledger(name);
  const isLate = trialEndsAt !== null && Date.parse(now) - Date.parse(trialEndsAt) > trialOverMs;
  if (
    phase === 'trying' &&
    machine.running === target?.closure &&
    isLate &&
    isOn &&
    !witness.facts.restored.has(name)
  ) {
    witness.judge(name, broken('S18', `${name} still tries what was to end at ${trialEndsAt}`));
  }
  judgeQuarantine(witness, host);
}

/** What a host remembered as failed at the last look, and had not signed yet. */
const unsigned = new WeakMap<SimulatedHost, string>();

/** Going back does not wait for the disk: then it signs as soon as there is room, and has until the next look. */
function judgeQuarantine(witness: Witness, host: SimulatedHost): void {
  const { name, agent, machine } = host;
  if (machine.disk.isFull) return;
  const { failed } = witness.facts.ledger(name);
  const before = unsigned.get(host);
  unsigned.delete(host);
  for (const { closure, attempt, cause } of agent.running?.loop.memory.state.quarantine ?? []) {
    const isKnown = failed.some(({ body: { target } }) => target.closure === closure && target.attempt === attempt);
    if (isKnown) continue;
    const which = `${closure} ${attempt}`;
    unsigned.set(host, which);
    if (which === before)
      witness.judge(name, broken('S5', `${name} quarantines ${closure} (${cause}), which never failed`));
  }
}

/** S8: what the control plane knows of a host is what the host itself knows, and what its log gives when folded anew. */
async function judgeReplay(fleet: SimulatedFleet, witness: Witness): Promise<void> {
  const replayed = await fleet.server.replayed();
  for (const { name, agent } of fleet.hosts.values()) {
    const path = `/v1/hosts/${name}`;
    const shown = HostView.parse(await fleet.view(path));
    const again = HostView.parse(await fleet.view(path, replayed));
    const own = agent.running?.loop.memory.state;
    if (textOf(shown.state) !== textOf(again.state) || textOf(shown.journal) !== textOf(again.journal)) {
      witness.judge(name, broken('S8', `${name}: shown ${textOf(shown.state)}, folded anew ${textOf(again.state)}`));
    }
    if (own !== undefined && textOf(shown.state) !== textOf(own)) {
      witness.judge(name, broken('S8', `${name}: shown ${textOf(shown.state)}, itself ${textOf(own)}`));
    }
  }
}

/** Equal values have equal texts, in whatever order their fields were written. */
function textOf(value: unknown): string {
  return JSON.stringify(value, (_key, field: unknown) =>
    typeof field === 'object' && field !== null && !Array.isArray(field)
      ? Object.fromEntries(Object.entries(field).sort(([left], [right]) => (left < right ? -1 : 1)))
      : field,
  );
}
