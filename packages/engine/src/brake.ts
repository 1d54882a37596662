import { type Freeze, type Instant, type Interval, instantToMs, intervalAt, type Withheld } from '@nixfleet/contracts';
import { clip } from './clip.ts';
import type { ActiveHold } from './planner-types.ts';

/** How far a head may be signed ahead of this clock, in seconds (design §4). */
export const headAheadSecondsMax = 300;
/** A switch starts only if the control plane answered this recently, in seconds (design §7). */
export const contactSecondsMax = 60;
/** What `Withheld` bears. */
const reasonCharactersMax = 1000;

/** What stands against starting anything on a channel, whoever asks: read from the newest verified head and release. */
export interface ChannelBrakes {
  readonly holds: readonly ActiveHold[];
  readonly freezes: readonly Freeze[];
  readonly windows: readonly Interval[] | null;
  readonly resolvedUntil: Instant | null;
  readonly headExpiresAt: Instant;
  /** An approved, unexpired emergency release passes windows and freezes, never holds. */
  readonly isEmergency: boolean;
}

/** Whether an emergency that enough approvers signed stands at `now`: it was verified earlier and may have run out since. */
export function isEmergencyAt(
  emergency: { readonly expiresAt: Instant } | undefined,
  { isApproved, now }: { readonly isApproved: boolean; readonly now: Instant },
): boolean {
  return emergency !== undefined && isApproved && now < emergency.expiresAt;
}

/**
 * Every brake that stands on a channel at `now`, in the order head, hold, freeze, window. Each is told once, with the end of
 * the last that follows on it without a gap, and a window with its first opening at which nothing else is known to stand.
 */
export function channelBrakes(channel: string, brakes: ChannelBrakes, now: Instant): readonly Withheld[] {
  const standing: Withheld[] = [];
  if (brakes.headExpiresAt <= now) standing.push({ code: 'head-expired' });
  const holds = holdSpans(channel, brakes, now);
  const hold = runAt(holds, now);
  if (hold) standing.push({ code: 'hold', ...hold });
  if (brakes.isEmergency) return standing;
  const freeze = runAt(brakes.freezes, now);
  if (freeze) standing.push({ code: 'freeze', ...freeze });
  const window = windowBrake(brakes, [...holds, ...brakes.freezes], now);
  return window ? [...standing, window] : standing;
}

/** The first of them, or null: what an agent says, which starts nothing before each of them has ended. */
export function channelBrake(channel: string, brakes: ChannelBrakes, now: Instant): Withheld | null {
  return channelBrakes(channel, brakes, now)[0] ?? null;
}

function holdSpans(channel: string, { holds }: ChannelBrakes, now: Instant): readonly Freeze[] {
  return holds
    .filter((candidate) => candidate.channel === channel && now < candidate.expiresAt)
    .map(({ expiresAt, reason }) => ({ from: now, to: expiresAt, reason }));
}

/** When what stands at `now` ends, with the reasons of all that it takes until then; null where nothing stands. */
function runAt(spans: readonly Freeze[], now: Instant): Pick<Withheld, 'until' | 'reason'> | null {
  const until = endOfRun(spans, now);
  if (until === now) return null;
  const run = spans.filter(({ from, to }) => from < until && now < to);
  run.sort((left, right) => ((left.to === right.to ? left.reason < right.reason : left.to < right.to) ? -1 : 1));
  const reasons = new Set(run.map(({ reason }) => reason));
  return { until, reason: clip([...reasons].join('; '), reasonCharactersMax) };
}

/** The first instant from `at` on that none of the spans holds: one that begins as another ends goes on with it. */
function endOfRun(spans: readonly Interval[], at: Instant): Instant {
  let end = at;
  for (;;) {
    const before = end;
    for (const { from, to } of spans) if (from <= end && end < to) end = to;
    if (end === before) return end;
  }
}

function windowBrake(
  { windows, resolvedUntil }: ChannelBrakes,
  others: readonly Interval[],
  now: Instant,
): Withheld | null {
  if (windows === null) return null;
  // Past the resolved horizon nobody knows when a window is: closed, not open.
  if (resolvedUntil === null || resolvedUntil <= now) return { code: 'outside-window' };
  if (intervalAt(windows, now)) return null;
  const until = firstOpening(windows, others, now);
  return until !== null && until < resolvedUntil ? { code: 'outside-window', until } : { code: 'outside-window' };
}

/** An opening that lies in holds and freezes altogether is none, and one that begins in them begins where they end. */
function firstOpening(windows: readonly Interval[], others: readonly Interval[], now: Instant): Instant | null {
  let first: Instant | null = null;
  for (const { from, to } of windows) {
    if (from <= now || (first !== null && first <= from)) continue;
    const opens = endOfRun(others, from);
    if (opens < to && (first === null || opens < first)) first = opens;
  }
  return first;
}

/** What only the host itself knows. */
export interface HostBrakes {
  readonly localHold: { readonly until: Instant; readonly reason: string } | null;
  readonly isClockSynchronised: boolean;
  /** `signedAt` of the newest verified head. */
  readonly headSignedAt: Instant;
  /** Null: the control plane has not answered since this agent started. */
  readonly secondsSinceContact: number | null;
  /** Under confirm policy `local` a host does not depend on the control plane. */
  readonly confirmsLocally: boolean;
  /** Set while floors are lost and the head is older than two hours. */
  readonly isFloorLost: boolean;
}

/** The first brake on a host's own switch: its channel's, then its own. */
export function hostBrake(
  { channel, brakes, host }: { readonly channel: string; readonly brakes: ChannelBrakes; readonly host: HostBrakes },
  now: Instant,
): Withheld | null {
  if (host.isFloorLost) return { code: 'floor-lost' };
  if (!host.isClockSynchronised) return { code: 'clock-unsynchronised' };
  if (instantToMs(host.headSignedAt) - instantToMs(now) > headAheadSecondsMax * 1000) {
    return { code: 'head-from-the-future' };
  }
  const onChannel = channelBrake(channel, brakes, now);
  if (onChannel) return onChannel;
  if (host.localHold && now < host.localHold.until) {
    return { code: 'local-hold', until: host.localHold.until, reason: host.localHold.reason };
  }
  const isSilent = host.secondsSinceContact === null || host.secondsSinceContact > contactSecondsMax;
  if (isSilent && !host.confirmsLocally) return { code: 'control-plane-silent' };
  return null;
}
