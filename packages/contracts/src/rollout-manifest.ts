import { z } from 'zod';
import { envelope, Reason } from './document.ts';
import { Instant } from './instant.ts';
import { Interval, intervalsMax } from './interval.ts';
import { BudgetName, ChannelName, Commit, HostName, Sha256Hex, StorePath } from './names.ts';
import { ChannelPolicy, PromoteWhen } from './rollout-policy.ts';
import { Source } from './source.ts';

export const wavesMax = 100;

export const ManifestHost = z.object({
  /** Index into `waves`. */
  wave: z
    .int()
    .min(0)
    .max(wavesMax - 1),
  closure: StorePath,
  /** SHA-256 over the sorted `<path> <narHash>\n` lines of the whole runtime closure. */
  closureDigest: Sha256Hex,
  /** Sum of the NAR sizes of the whole runtime closure, in bytes. */
  closureBytes: z.int().min(0),
  /** Raised to try a quarantined closure once more. */
  attempt: z.int().min(1).max(1_000_000),
  /** The commit it was built from where that is not `source.commit`; null for a closure that was pinned as it is. */
  builtFrom: Commit.nullable().optional(),
});
export type ManifestHost = z.infer<typeof ManifestHost>;

export const ManifestWave = z.object({
  /** How long a host must stay healthy after it confirmed. */
  soakSeconds: z
    .int()
    .min(0)
    .max(90 * 24 * 3600),
  /** What must be true of this wave before the next one starts. */
  promoteWhen: PromoteWhen,
  /** `withoutControlPlane: timed`: absolute earliest start without a control plane. */
  notBefore: Instant.optional(),
});
export type ManifestWave = z.infer<typeof ManifestWave>;

/** `gated` waits until `gates` has converged. */
export const HostEdge = z.object({ gated: HostName, gates: HostName, reason: Reason.optional() });
export type HostEdge = z.infer<typeof HostEdge>;

/** A limit on hosts in flight at once, resolved to names; equal names are one budget across rollouts. */
export const DisruptionBudget = z.object({
  name: BudgetName,
  hosts: z.array(HostName).max(10_000),
  maxInFlight: z.int().min(1),
});
export type DisruptionBudget = z.infer<typeof DisruptionBudget>;

/** `rollouts/<rolloutId>.json`: the frozen plan of one channel. The rolloutId is the SHA-256 of its bytes. */
export const RolloutManifest = z.object({
  ...envelope('rollout'),
  channel: ChannelName,
  /** `<channel>@<first 8 of the commit>`: for people, never an identifier. */
  displayName: z.string().min(1).max(128),
  /** The release version that first named this rollout; a host never goes back to an earlier one. */
  introducedIn: z.int().min(1),
  source: Source,
  hosts: z.record(HostName, ManifestHost),
  waves: z.array(ManifestWave).min(1).max(wavesMax),
  policy: ChannelPolicy,
  /** Host edges inside this channel. */
  edges: z.array(HostEdge).max(10_000),
  /** Channels that must have converged first. */
  after: z.array(z.object({ channel: ChannelName, reason: Reason.optional() })).max(64),
  budgets: z.array(DisruptionBudget).max(256),
  /** Change windows in which a switch may start. Null: always. */
  windows: z.array(Interval).max(intervalsMax).nullable(),
  /** The instant up to which `windows` was resolved; after it the channel holds. Null with `windows` null. */
  resolvedUntil: Instant.nullable(),
});
export type RolloutManifest = z.infer<typeof RolloutManifest>;
