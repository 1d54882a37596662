import { z } from 'zod';
import { DocumentRef, envelope, Reason } from './document.ts';
import { Instant } from './instant.ts';
import { Interval, intervalsMax } from './interval.ts';
import { ChannelName, HostName, RolloutId } from './names.ts';
import { Source } from './source.ts';

/** A span in which a channel starts nothing. */
export const Freeze = Interval.safeExtend({ reason: Reason });
export type Freeze = z.infer<typeof Freeze>;

/** Most earlier rollouts that may still run to their end. */
export const mayFinishMax = 16;

export const ReleaseChannel = z.object({
  rolloutId: RolloutId,
  /** Exact size of the manifest, so that a reader can bound its download. */
  bytes: z.int().min(2),
  /** Earlier rollouts of this channel that may still run to their end (`onNewRelease: finish`). */
  mayFinish: z.array(RolloutId).max(mayFinishMax),
  /** Brakes are read from the newest release, never from an older rollout's manifest. */
  freezes: z.array(Freeze).max(intervalsMax),
});
export type ReleaseChannel = z.infer<typeof ReleaseChannel>;

/** Longest trial, from the release that began it, in seconds. */
export const trialSecondsMax = 24 * 3600;
/** Most trials at once. */
export const trialsMax = 64;

/** One host runs another closure for a while and goes back by itself. It is part of no rollout. */
export const Trial = z.object({
  /** A manifest of this one host: `rollouts/<rolloutId>.json`. */
  rolloutId: RolloutId,
  bytes: z.int().min(2),
  expiresAt: Instant,
});
export type Trial = z.infer<typeof Trial>;

/** `release/<sha256>.json`: everything one commit released, bound by hash. TUF's snapshot role. */
export const ReleaseDocument = z.object({
  ...envelope('release'),
  version: z.int().min(1),
  /** The trust version it was signed under; a reader that does not have it yet must get it first. */
  trustVersion: z.int().min(1),
  createdAt: Instant,
  source: Source,
  /** `fleet/<sha256>.json`. Named `resolvedFleet` because `fleet` is the fleet's name in every document. */
  resolvedFleet: DocumentRef,
  /** `reports/<sha256>.json`, where a compliance policy asks for one. */
  staticReport: DocumentRef.optional(),
  /** `reports/<sha256>.json`: the waivers of this commit, with their signatures. Absent: none. */
  waiverRegister: DocumentRef.optional(),
  /** Passes windows and freezes until `expiresAt`, if trust's number of approvers signed this release too. */
  emergency: z.object({ reason: Reason, expiresAt: Instant }).optional(),
  /** Hosts that failed to build and keep the closure of the release before. */
  carriedOver: z.array(HostName).max(10_000).optional(),
  channels: z.record(ChannelName, ReleaseChannel),
  trials: z.record(HostName, Trial).optional(),
});
export type ReleaseDocument = z.infer<typeof ReleaseDocument>;
