import { addSeconds, type HostName, type Instant, trialsAt } from '@nixfleet/contracts';
import { phaseIn } from './host-progress.ts';
import { promisedUntil, promiseSecondsMax } from './issued-go.ts';
import { lostAt } from './lost-host.ts';
import type { PlannedChannel } from './planned-channel.ts';
import type { HostDecision, PlannerRelease, PlannerViews } from './planner-types.ts';
import { excusedSinceOf } from './survey.ts';

/** When the next decision may change without an event; null: never. */
export function nextDeadline({
  channels,
  hosts,
  release,
  views,
  now,
}: {
  readonly channels: readonly PlannedChannel[];
  readonly hosts: ReadonlyMap<HostName, HostDecision>;
  readonly release: PlannerRelease;
  readonly views: PlannerViews;
  readonly now: Instant;
}): Instant | null {
  let next: Instant | null = null;
  const consider = (instant: Instant | undefined): void => {
    if (instant !== undefined && now < instant && (next === null || instant < next)) next = instant;
  };
  consider(release.headExpiresAt);
  consider(views.rebuild?.until);
  consider(release.document.emergency?.expiresAt);
  for (const [, { expiresAt }] of trialsAt(release.document, now)) consider(expiresAt);
  for (const hold of release.holds) consider(hold.expiresAt);
  for (const { brakes, rollouts } of channels) {
    // What is told of a brake is when the last of its run ends, so each edge is looked at itself.
    for (const { from, to } of [...brakes.freezes, ...(brakes.windows ?? [])]) {
      consider(from);
      consider(to);
    }
    consider(brakes.resolvedUntil ?? undefined);
    for (const { survey } of rollouts) {
      const { manifest, rolloutId } = survey;
      const excusedSince = excusedSinceOf(manifest, now);
      let firstExcused: Instant | null = null;
      for (const { view, standing } of survey.hosts) {
        if (!view) continue;
        consider(promisedUntil(view, now) ?? undefined);
        // Of a host whose check-in is held: it is being heard all the while.
        if (view.issued && view.isOnline) consider(addSeconds(view.issued.at, promiseSecondsMax));
        if (view.isOnline) continue;
        if (standing === 'in-flight') consider(lostAt(view, phaseIn(view, rolloutId), manifest));
        const isWaitedFor = standing === 'pending' || standing === 'retrying' || standing === 'unheard';
        const { lastSeenAt } = view;
        if (!isWaitedFor || excusedSince === null || lastSeenAt === null || lastSeenAt <= excusedSince) continue;
        if (firstExcused === null || lastSeenAt < firstExcused) firstExcused = lastSeenAt;
      }
      const grace = manifest.policy.offlineGraceSeconds;
      if (firstExcused !== null && grace !== null) consider(addSeconds(firstExcused, grace));
    }
  }
  for (const { withheld } of hosts.values()) for (const { until } of withheld) consider(until);
  return next;
}
