import type {
  FleetDocument,
  HostName,
  HostState,
  Instant,
  ManifestHost,
  ReleaseDocument,
  RolloutId,
  RolloutManifest,
  RolloutSummary,
  Withheld,
} from '@nixfleet/contracts';

/** What one host's journal says of one rollout; kept per host, latched. */
export interface RolloutOutcome {
  /** It began to fetch for it. */
  readonly started: boolean;
  readonly converged: boolean;
  readonly failed: boolean;
}

/** A host's journal, folded: see `foldEvent`. */
export interface HostFold {
  readonly state: HostState;
  readonly outcomes: ReadonlyMap<RolloutId, RolloutOutcome>;
}

/** What the control plane knows of one declared host. */
export interface HostView {
  /** Null until a first event. */
  readonly fold: HostFold | null;
  /** Its journal is complete here since this start: nothing is missing between what it says it wrote and what is stored. */
  readonly isReplayed: boolean;
  readonly isOnline: boolean;
  /** Last contact, which is now while a check-in is held; at the least the instant this control plane started. */
  readonly lastSeenAt: Instant | null;
  /**
   * The newest `go` that was handed out to it, kept until a later event of its journal names that rollout as its target:
   * while it is here the host counts as in flight.
   */
  readonly issued: {
    readonly rolloutId: RolloutId;
    readonly attempt: number;
    /** To boot for what waits for a boot. */
    readonly reboot?: true;
    readonly at: Instant;
  } | null;
}

/** A verified hold, as the planner needs it. */
export interface ActiveHold {
  readonly channel: string;
  readonly reason: string;
  readonly expiresAt: Instant;
}

/** The newest verified release, with every manifest it names. */
export interface PlannerRelease {
  readonly document: ReleaseDocument;
  readonly headExpiresAt: Instant;
  readonly emergencyApproved: boolean;
  readonly fleet: FleetDocument;
  readonly manifests: ReadonlyMap<RolloutId, RolloutManifest>;
  readonly holds: readonly ActiveHold[];
}

/** The state after an empty start (design §6). */
export interface Rebuild {
  /** Until then nothing is dispatched unless every declared host has replayed before. */
  readonly until: Instant;
  /** Rollouts introduced up to this release stay held where an unheard host is in an earlier wave. */
  readonly releaseVersion: number;
}

export interface PlannerViews {
  readonly hosts: ReadonlyMap<HostName, HostView>;
  /** Null once every declared host has been heard, or when the store was never empty. */
  readonly rebuild: Rebuild | null;
}

/** What stands against every host of a channel, in gate order (design §8): before the host's quarantine, and after it. */
export interface AgainstAll {
  readonly first: readonly Withheld[];
  readonly then: readonly Withheld[];
}

export interface HostDecision {
  /** The rollout that is this host's turn now: its channel's running one. Null where no rollout names it. */
  readonly rolloutId: RolloutId | null;
  readonly entry: ManifestHost | null;
  /** May start now. Receipts are added by the control plane. */
  readonly go: {
    readonly rolloutId: RolloutId;
    readonly wave: number;
    readonly attempt: number;
    /** To boot for what waits for a boot, and not to switch. */
    readonly reboot?: true;
  } | null;
  /** Why not, or what the host itself reports to be waiting for. Empty without a go: it has converged and is heard. */
  readonly withheld: readonly Withheld[];
}

export interface Plan {
  readonly hosts: ReadonlyMap<HostName, HostDecision>;
  /** Every rollout the release names, the running one of a channel first. */
  readonly rollouts: readonly RolloutSummary[];
  /** When the next decision may change without an event; null: never. */
  readonly nextDeadline: Instant | null;
}
