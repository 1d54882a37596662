import type {
  Go,
  HeadDocument,
  HostTarget,
  Instant,
  JournalEvent,
  RolloutId,
  RolloutManifest,
} from '@nixfleet/contracts';
import type { TestRelease } from '@nixfleet/testkit';
import { Ledger } from './ledger.ts';

export interface SignedHold {
  readonly channel: string;
  readonly expiresAt: Instant;
}

/** A rollout that a valid release named. */
export interface KnownRollout {
  readonly rolloutId: RolloutId;
  readonly manifest: RolloutManifest;
}

/** Everything that rules are judged by: what was signed, what hosts durably wrote, and what the control plane stored. */
export class Facts {
  readonly ledgers = new Map<string, Ledger>();
  readonly rollouts = new Map<string, KnownRollout>();
  readonly holds = new Map<string, SignedHold>();
  /** Hosts whose disk was put back: what they signed before is not what they remember. */
  readonly restored = new Set<string>();
  /** When each host had a head on its disk that names this hold, in virtual milliseconds. */
  readonly heldSince = new Map<string, Map<string, number>>();
  /** Of the control plane's current state: emptied when it loses its disk. */
  stored = new StoredFacts();
  releaseVersion = 0;
  /** False where somebody else answers in the control plane's place. */
  isControlPlaneHonest = true;

  ledger(host: string): Ledger {
    const known = this.ledgers.get(host);
    if (known) return known;
    const ledger = new Ledger();
    this.ledgers.set(host, ledger);
    return ledger;
  }

  released({ version, manifests }: TestRelease): void {
    this.releaseVersion = version;
    for (const { rolloutId, document } of manifests.values()) {
      this.rollouts.set(rolloutId, { rolloutId, manifest: document });
    }
  }

  /** Distinct hosts of a rollout that signed, durably, that it failed there. */
  failedIn(rolloutId: string): readonly string[] {
    return [...this.ledgers]
      .filter(([, ledger]) => ledger.failed.some(({ body }) => body.target.rolloutId === rolloutId))
      .map(([host]) => host);
  }

  /** Holds that stand, of those that a head names. */
  holdsNamed(head: HeadDocument, now: Instant): readonly SignedHold[] {
    return head.holds.flatMap((hash) => this.holds.get(hash) ?? []).filter(({ expiresAt }) => now < expiresAt);
  }
}

/** What the control plane has durably stored since its state was last empty. */
export class StoredFacts {
  /** Newest head, and when it was stored, in virtual milliseconds. */
  head: { readonly document: HeadDocument; readonly atMs: number } | null = null;
  /** When events of a kind were stored, by `<kind> <host> <rollout> <attempt>`. */
  readonly events = new Map<string, number>();
  /** When a rollout's failures were more than it bears. */
  readonly haltedAtMs = new Map<string, number>();
  readonly failed = new Map<string, Set<string>>();

  static key(
    kind: JournalEvent['kind'],
    host: string,
    { rolloutId, attempt }: Pick<HostTarget, 'rolloutId' | 'attempt'>,
  ) {
    return `${kind} ${host} ${rolloutId} ${attempt}`;
  }
}

export interface Dispatch {
  readonly host: string;
  readonly go: Go;
}

/** Failures that a rollout bears: its policy's count or percentage, whichever is less. */
export function failuresBorne({ policy, hosts }: RolloutManifest): number {
  const { count, percent } = policy.maxFailures;
  const share = percent === undefined ? undefined : Math.floor((percent * Object.keys(hosts).length) / 100);
  if (count === undefined && share === undefined) return 0;
  return Math.min(count ?? Number.POSITIVE_INFINITY, share ?? Number.POSITIVE_INFINITY);
}
