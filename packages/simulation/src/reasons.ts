import { FleetView, type HostSummary, type Withheld, type WithheldCode } from '@nixfleet/contracts';
import { broken } from './rule.ts';
import type { SimulatedFleet } from './simulated-fleet.ts';
import type { Witness } from './witness.ts';

/** Reasons that end by themselves, and so must say when. */
const timeBound: ReadonlySet<WithheldCode> = new Set(['hold', 'freeze', 'rebuilding', 'retry-backoff', 'local-hold']);
/** A check-in is waited for so long before it counts as lost, in milliseconds, and then asked again. */
const lostMs = 4 * 60_000;
/** The planner looks again at the least this often, in milliseconds. */
const staleMs = 65_000;

/** S7: every host that is waited for has a reason, or is told to start; and one that ends by itself says when, and ends then. */
export async function judgeReasons(fleet: SimulatedFleet, witness: Witness): Promise<void> {
  // Without room for the go that it decided on it hands none out: a problem of its own, and no reason of a host.
  if (!fleet.server.isUp || fleet.server.isDiskFull || !witness.facts.isControlPlaneHonest) return;
  const view = await fleet.view('/v1/fleet');
  if (view === null) return;
  const { hosts, now } = FleetView.parse(view);
  for (const host of hosts) {
    const text = problemWith(fleet, witness, host, Date.parse(now));
    if (text !== null) witness.judge(host.name, broken('S7', `${host.name} (${host.health}): ${text}`));
  }
}

function problemWith(
  fleet: SimulatedFleet,
  { facts }: Witness,
  { name, health, withheld, target, running, phase }: HostSummary,
  nowMs: number,
): string | null {
  const told = [...facts.knowledge(name).toldAtMs.values()].some((atMs) => fleet.scheduler.nowMs - atMs < staleMs * 5);
  const isAtIt = phase !== null && phase.name !== 'pending' && phase.name !== 'converged' && phase.name !== 'reverted';
  if (
    health !== 'converged' &&
    health !== 'offline' &&
    target !== running &&
    withheld.length === 0 &&
    !told &&
    // It is allowed, and cannot be told: it is off or cut off, and not yet missed.
    fleet.host(name).isConnected &&
    // A check-in that a bad line has lost is missed only when its time is over.
    fleet.scheduler.nowMs - facts.knowledge(name).lossyAtMs > lostMs &&
    // By its own clock its back-off is not over yet, or it has no room to follow what it was told.
    fleet.scheduler.nowMs - facts.knowledge(name).hinderedAtMs > lostMs &&
    // It is told at its next check-in, which waits its back-off out.
    !(fleet.scheduler.nowMs - (facts.backAtMs.get(name) ?? Number.NEGATIVE_INFINITY) < staleMs * 2) &&
    !isAtIt
  ) {
    return `it waits in ${phase?.name}, and nothing says for what`;
  }
  for (const reason of withheld) {
    const text = problemWithReason(reason, nowMs);
    if (text !== null) return text;
  }
  return null;
}

function problemWithReason({ code, until, reason }: Withheld, nowMs: number): string | null {
  // Its end stands in the document that the host could not get.
  if (code === 'hold' && reason?.endsWith('cannot be read here')) return null;
  if (until === undefined) return timeBound.has(code) ? `${code} ends by itself, and does not say when` : null;
  return nowMs - Date.parse(until) > staleMs ? `${code} ended at ${until}, and is still given as a reason` : null;
}
