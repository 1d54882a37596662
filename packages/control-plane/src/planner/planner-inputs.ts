import { entriesOf, type HostName, type Instant } from '@nixfleet/contracts';
import type { HostView, PlannerRelease, PlannerViews } from '@nixfleet/engine';
import type { ReleaseIntake } from '../release/release-intake.ts';
import type { VerifiedTree } from '../release/verify-tree.ts';
import type { FleetRecords } from '../views/fleet-records.ts';
import type { Presence } from '../views/presence.ts';

/** What `plan` reads of the newest release. While a brake could not be had, every channel is held until it can. */
export function plannerRelease(
  tree: VerifiedTree,
  brakes: Pick<ReleaseIntake, 'holds' | 'missingBrake'>,
  now: Instant,
): PlannerRelease {
  const { missingBrake } = brakes;
  const { document, emergencyApproved } = tree.release;
  const holds = brakes.holds.map(({ document: { channel, reason, expiresAt } }) => ({ channel, reason, expiresAt }));
  const reason = 'a newer head names a hold that the release source does not have in full';
  const missing = Object.keys(document.channels).map((channel) => ({
    channel,
    reason,
    expiresAt: missingBrake?.until ?? now,
  }));
  return {
    document,
    headExpiresAt: tree.head.document.expiresAt,
    emergencyApproved,
    fleet: tree.fleet.document,
    manifests: new Map([...tree.manifests].map(([rolloutId, manifest]) => [rolloutId, manifest.document])),
    holds: missingBrake ? [...holds, ...missing] : holds,
  };
}

/** What `plan` reads of the hosts: every declared one, heard or not. */
export function plannerViews(
  tree: VerifiedTree,
  { records, presence }: { readonly records: FleetRecords; readonly presence: Presence },
): PlannerViews {
  const hosts = new Map<HostName, HostView>();
  for (const [name] of entriesOf(tree.fleet.document.hosts)) {
    const { fold, issued, isReplayed, lastEventAt } = records.of(name);
    const lastSeenAt = presence.lastSeenAt(name);
    const toldAt = presence.toldAt(name);
    hosts.set(name, {
      fold,
      // It acts when it is told, which may be long after the go was recorded.
      issued: issued !== null && toldAt !== null && issued.at < toldAt ? { ...issued, at: toldAt } : issued,
      isReplayed,
      isOnline: presence.isOnline(name),
      lastSeenAt: lastEventAt !== null && lastEventAt > lastSeenAt ? lastEventAt : lastSeenAt,
    });
  }
  return { hosts, rebuild: records.rebuild };
}
