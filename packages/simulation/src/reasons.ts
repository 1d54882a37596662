import {
  FleetView,
  type HostSummary,
  type Instant,
  type RolloutId,
  receiptsNeeded,
  type Withheld,
  type WithheldCode,
} from '@nixfleet/contracts';
import type { Facts } from './facts.ts';
import { broken } from './rule.ts';
import type { SimulatedFleet } from './simulated-fleet.ts';
import type { Witness } from './witness.ts';

/** Reasons that end by themselves, and so must say when. Of others `isEndHidden` tells when they do. */
const timeBound: ReadonlySet<WithheldCode> = new Set(['hold', 'freeze', 'rebuilding', 'retry-backoff', 'local-hold']);
/** A check-in is waited for so long before it counts as lost, in milliseconds, and then asked again. */
const lostMs = 4 * 60_000;
/** Names that one reason lists at the most. */
const namesMax = 20;
/** The planner looks again at the least this often, in milliseconds. */
const staleMs = 65_000;

/** S7: every host that is waited for has a reason, or is told to start; and one that ends by itself says when, and ends then. */
export async function judgeReasons(fleet: SimulatedFleet, witness: Witness): Promise<void> {
  // Without room for the go that it decided on it hands none out: a problem of its own, and no reason of a host.
  if (!fleet.server.isUp || fleet.server.isDiskFull || !witness.facts.isControlPlaneHonest) return;
  const view = await fleet.view('/v1/fleet');
  if (view === null) return;
  const parsed = FleetView.parse(view);
  const { hosts, now } = parsed;
  for (const host of hosts) {
    const hidden = host.withheld.find((reason) => isEndHidden(reason, host, parsed, witness.facts));
    const text = hidden
      ? `${hidden.code} ends by itself, and does not say when: ${JSON.stringify(hidden)}`
      : problemWith(fleet, witness, host, Date.parse(now));
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
  // Allowed this moment, as when a window opens, it is told in the next.
  const allowedAtMs = Math.max(Number.NEGATIVE_INFINITY, ...(facts.stored.allowedAtMs.get(name)?.values() ?? []));
  const isJustAllowed = fleet.scheduler.nowMs - allowedAtMs < staleMs;
  const isAtIt = phase !== null && phase.name !== 'pending' && phase.name !== 'converged' && phase.name !== 'reverted';
  if (
    health !== 'converged' &&
    health !== 'offline' &&
    target !== running &&
    withheld.length === 0 &&
    !told &&
    !isJustAllowed &&
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

/** Whether a reason without an end has one by what was signed and what the same view shows of others. */
function isEndHidden(reason: Withheld, host: HostSummary, view: FleetView, facts: Facts): boolean {
  if (reason.until !== undefined) return false;
  const { phase } = host;
  if (reason.code === 'refused' && phase?.name === 'refused' && phase.reason === reason.refusal) {
    return !isFresh(phase.at, view) && phase.retryNotBefore !== undefined && view.now < phase.retryNotBefore;
  }
  if (reason.code === 'outside-window') return isOpeningKnown(host, view, facts);
  return reason.code === 'wave' && isGraceAlone(reason, host, view, facts);
}

/** A window opens before the last of those that are known, by all that its channel rolls out; no freeze and no hold is about. */
function isOpeningKnown({ channel }: HostSummary, { rollouts, now }: FleetView, facts: Facts): boolean {
  const shown = rollouts.filter((rollout) => rollout.channel === channel && rollout.state !== 'superseded');
  const { release } = facts.stored;
  if (shown.length === 0 || release === null) return false;
  if (release.channels.get(channel)?.freezes.some(({ to }) => now < to)) return false;
  if ([...facts.holds.values()].some((hold) => hold.channel === channel && now < hold.expiresAt)) return false;
  return shown.every(({ rolloutId }) => {
    const { windows = null, resolvedUntil = null } = facts.rollouts.get(rolloutId) ?? {};
    return windows?.some(({ from }) => now < from && resolvedUntil !== null && from < resolvedUntil) ?? false;
  });
}

/** The planner may not have looked since. */
function isFresh(instant: Instant, { now }: FleetView): boolean {
  return Date.parse(now) - Date.parse(instant) < staleMs * 2;
}

/** Nothing but hosts that are silent, and will be left behind, keep the wave shut. */
function isGraceAlone(
  { names = [], have = 0, reason }: Withheld,
  { channel }: HostSummary,
  view: FleetView,
  facts: Facts,
): boolean {
  const { rollouts, hosts } = view;
  // With a reason of its own it waits for a boot, or for receipts.
  if (reason !== undefined || names.length === namesMax) return false;
  // The one that has its turn comes first.
  const rolloutId = rollouts.find((rollout) => rollout.channel === channel)?.rolloutId ?? '';
  const manifest = facts.rollouts.get(rolloutId);
  const wave = manifest?.hosts[names[0] as never]?.wave;
  if (!manifest || wave === undefined || manifest.policy.offlineGraceSeconds === null) return false;
  if (have < receiptsNeeded(manifest, wave)) return false;
  return names.every((name) => {
    const host = hosts.find((other) => other.name === name);
    if (host === undefined || host.online || host.lastSeenAt === null || facts.restored.has(name)) return false;
    if (isFresh(host.lastSeenAt, view)) return false;
    const isAtRest = host.phase === null || host.phase.name === 'pending' || host.phase.name === 'converged';
    const isAwayAlone = host.withheld.length === 1 && host.withheld[0]?.code === 'offline';
    // After a switch that was not confirmed no grace excuses it, nor where it was allowed to start: it may be at work in silence.
    const isUnconfirmed = facts.ledger(name).unconfirmed?.body.target.rolloutId === rolloutId;
    const isExcusable = !isUnconfirmed && facts.stored.allowedAtMs.get(name)?.has(rolloutId as RolloutId) !== true;
    return isAtRest && isAwayAlone && isExcusable;
  });
}
