import {
  type Freeze,
  type Instant,
  type Interval,
  instantToMs,
  intervalAt,
  nextInterval,
  type Withheld,
} from '@nixfleet/contracts';
import type { ActiveHold } from './planner-types.ts';

/** How far a head may be signed ahead of this clock, in seconds (design §4). */
export const headAheadSecondsMax = 300;
/** A switch starts only if the control plane answered this recently, in seconds (design §7). */
export const contactSecondsMax = 60;

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

/** The first brake on a channel at `now`, in the order head, hold, freeze, window; or null. */
export function channelBrake(channel: string, brakes: ChannelBrakes, now: Instant): Withheld | null {
  if (brakes.headExpiresAt <= now) return { code: 'head-expired' };
  const hold = brakes.holds.find((candidate) => candidate.channel === channel && now < candidate.expiresAt);
  if (hold) return { code: 'hold', until: hold.expiresAt, reason: hold.reason };
  if (brakes.isEmergency) return null;
  const freeze = intervalAt(brakes.freezes, now);
  if (freeze) return { code: 'freeze', until: freeze.to, reason: freeze.reason };
  return windowBrake(brakes, now);
}

function windowBrake({ windows, resolvedUntil }: ChannelBrakes, now: Instant): Withheld | null {
  if (windows === null) return null;
  // Past the resolved horizon nobody knows when a window is: closed, not open.
  if (resolvedUntil === null || resolvedUntil <= now) return { code: 'outside-window' };
  if (intervalAt(windows, now)) return null;
  const next = nextInterval(windows, now);
  return next ? { code: 'outside-window', until: next.from } : { code: 'outside-window' };
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
