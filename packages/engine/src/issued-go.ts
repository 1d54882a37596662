import {
  addSeconds,
  type HostState,
  type Instant,
  type ManifestHost,
  type RolloutId,
  type RolloutManifest,
} from '@nixfleet/contracts';
import { isSwitching, phaseIn } from './host-progress.ts';
import { isRunning, owesBoot } from './host-state.ts';
import type { HostView } from './planner-types.ts';
import { selfHeld } from './self-held.ts';

/**
 * A go was handed out, the journal does not say yet what became of it, and the host was not heard for long enough since to
 * have said so: one that is heard and does nothing (refusing, held, or restarted) keeps neither a slot nor its rollout.
 */
export function isIssued(
  view: HostView,
  {
    rolloutId,
    manifest,
    entry,
  }: { readonly rolloutId: RolloutId; readonly manifest: RolloutManifest; readonly entry: ManifestHost },
): boolean {
  const { issued, fold } = view;
  if (issued?.rolloutId !== rolloutId) return false;
  // It refused the last one; the next is no progress until it fetches again.
  if (phaseIn(view, rolloutId)?.name === 'refused') return false;
  if (!isUnheardSince(issued, view)) return false;
  if (fold === null) return true;
  return !isHeldWhenHeard(view, issued) && !isAtEntry(fold.state, { entry, manifest });
}

/** The host runs what the manifest gives it, confirmed, and was booted as often as it is to be. */
export function isAtEntry(
  state: HostState,
  { entry, manifest }: { readonly entry: ManifestHost; readonly manifest: RolloutManifest },
): boolean {
  return isRunning(state, entry.closure) && !owesBoot(state, manifest.policy.reboots);
}

type Issued = NonNullable<HostView['issued']>;

/** Not `now` for one that is online: that it does not count as offline yet does not mean that it was heard. */
function heardUntil({ lastSeenAt }: HostView, issued: Issued): Instant {
  return lastSeenAt ?? issued.at;
}

/** It was not heard for long enough since it was told to have said what became of it. */
export function isUnheardSince(issued: Issued, view: HostView): boolean {
  return heardUntil(view, issued) < addSeconds(issued.at, promiseSecondsMax);
}

/** What it was held by when it was last heard; that this ends while it is away starts nothing. */
function isHeldWhenHeard(view: HostView, issued: Issued): boolean {
  if (view.fold === null) return false;
  const { rolloutId, reboot: mayReboot = false } = issued;
  return selfHeld(view.fold.state, { rolloutId, mayReboot, now: heardUntil(view, issued) }) !== null;
}

/** How long a go that nothing became of still counts while its host is heard, in seconds. */
export const promiseSecondsMax = 60;

/** How long a go counts of whose host nothing was heard since: it may be at work, in silence, in seconds. */
export const silentPromiseSecondsMax = 3600;

/**
 * When a go that was handed out stops counting whatever its rollout; null where none does. The host may have acted on it
 * with its event still on the way, even if a newer release has taken over meanwhile.
 */
export function promisedUntil(view: HostView, now: Instant): Instant | null {
  const { issued } = view;
  if (issued === null) return null;
  const isSilent = isUnheardSince(issued, view);
  const until = addSeconds(issued.at, isSilent ? silentPromiseSecondsMax : promiseSecondsMax);
  if (until <= now) return null;
  return isHeldWhenHeard(view, issued) ? null : until;
}

/** In the midst of a switch, or told to begin one a moment ago: out of service, or about to be. */
export function isOccupied(view: HostView | undefined, now: Instant): boolean {
  return view !== undefined && (isSwitching(view) || promisedUntil(view, now) !== null);
}
