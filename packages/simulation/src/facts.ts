import type {
  ChannelName,
  HeadDocument,
  HostState,
  HostTarget,
  Instant,
  JournalEvent,
  ReleaseDocument,
  RolloutId,
  RolloutManifest,
} from '@nixfleet/contracts';
import type { TestRelease } from '@nixfleet/testkit';
import { Ledger } from './ledger.ts';
import { SignedFacts } from './signed-facts.ts';

export interface SignedHold {
  readonly channel: string;
  readonly expiresAt: Instant;
}

/** What a host has read, or was told: since when, in virtual milliseconds. */
export interface Knowledge {
  /** Holds of the newest head on its disk. */
  holds: ReadonlyMap<string, number>;
  headExpiresAt: Instant | null;
  /** SHA-256 of the release that it names. */
  releaseKept: string | null;
  locallyHeldSinceMs: number | null;
  unsynchronisedSinceMs: number | null;
  /** What somebody had it run past the agent, as long as it does. */
  changedTo: string | null;
  /** The head that it has accepted, and since when: its journal may have been told later. */
  acceptedHead: { readonly sha256: string; readonly atMs: number } | null;
  /** The newest evidence that a collector left there, and when what runs was activated. */
  collected: { readonly closure: string; readonly atMs: number } | null;
  activatedAtMs: number;
  /** When its disk was full or its clock off for the last time: then no collection may be to be had. */
  hinderedAtMs: number;
  /** When its line lost messages for the last time. */
  lossyAtMs: number;
  /** What it remembers against going back cannot be read. */
  areFloorsSpoilt: boolean;
  /** Its Nix has been set up to take unsigned paths. */
  unsafeSinceMs: number | null;
  /** When the newest head that it was shown says it was signed, in virtual milliseconds. */
  headShownSignedMs: number;
  /** When it was last permitted to start a rollout. */
  readonly toldAtMs: Map<string, number>;
}

/** Everything that rules judge by: what was signed, what hosts durably wrote, and what the control plane stored. */
export class Facts {
  readonly ledgers = new Map<string, Ledger>();
  readonly rollouts = new Map<string, RolloutManifest>();
  readonly budgets = new Map<string, { readonly hosts: ReadonlySet<string>; readonly max: number }>();
  readonly holds = new Map<string, SignedHold>();
  /** Hosts whose disk was put back: what they signed before is not what they remember. */
  readonly restored = new Set<string>();
  /** When each host was last answered. */
  readonly answers = new Map<string, number>();
  /** When each host last reached the control plane. */
  readonly contacts = new Map<string, number>();
  /** When each host reached it after a silence. */
  readonly backAtMs = new Map<string, number>();
  /** Rollouts that were halted when the control plane lost its state. */
  readonly haltedBefore = new Map<string, { readonly failed: ReadonlySet<string>; readonly borne: number }>();
  /** Events that a control plane ever stored, by `StoredFacts.key`. */
  readonly everStored = new Set<string>();
  readonly signed = new SignedFacts();
  /** Each host's own public key, as a fleet has to declare it. */
  readonly publicLines = new Map<string, string>();
  /** Of the control plane's state as it is now. */
  stored = new StoredFacts();
  releaseVersion = 0;
  /** False from when somebody else has answered in the control plane's place. */
  isControlPlaneHonest = true;
  readonly #knowledge = new Map<string, Knowledge>();

  ledger(host: string): Ledger {
    const known = this.ledgers.get(host);
    if (known) return known;
    const ledger = new Ledger();
    this.ledgers.set(host, ledger);
    return ledger;
  }

  knowledge(host: string): Knowledge {
    const known = this.#knowledge.get(host);
    if (known) return known;
    const knowledge: Knowledge = {
      holds: new Map(),
      headExpiresAt: null,
      releaseKept: null,
      locallyHeldSinceMs: null,
      unsynchronisedSinceMs: null,
      changedTo: null,
      acceptedHead: null,
      collected: null,
      activatedAtMs: 0,
      hinderedAtMs: Number.NEGATIVE_INFINITY,
      lossyAtMs: Number.NEGATIVE_INFINITY,
      areFloorsSpoilt: false,
      unsafeSinceMs: null,
      headShownSignedMs: 0,
      toldAtMs: new Map(),
    };
    this.#knowledge.set(host, knowledge);
    return knowledge;
  }

  released({ version, manifests }: TestRelease): void {
    this.releaseVersion = version;
    for (const { rolloutId, document } of manifests.values()) {
      this.rollouts.set(rolloutId, document);
      for (const { name, hosts, maxInFlight } of document.budgets) {
        this.budgets.set(name, { hosts: new Set(hosts), max: maxInFlight });
      }
    }
  }

  /** The control plane's disk is lost. */
  wiped(): void {
    for (const rolloutId of this.stored.haltedAtMs.keys()) {
      const manifest = this.rollouts.get(rolloutId);
      const failed = this.stored.failedIn(rolloutId);
      if (manifest) this.haltedBefore.set(rolloutId, { failed, borne: failuresBorne(manifest) });
    }
    this.stored = new StoredFacts();
  }
}

/** The newest release that the control plane has stored, and when. */
export interface StoredReleaseFact {
  readonly head: HeadDocument;
  readonly channels: ReadonlyMap<string, ReleaseDocument['channels'][ChannelName]>;
  readonly atMs: number;
}

export interface ControlsTold {
  readonly closure: string;
  readonly hasPassed: boolean;
  readonly failingSinceMs: number | null;
}

/** What the control plane has durably stored since its state was last empty; times in virtual milliseconds. */
export class StoredFacts {
  release: StoredReleaseFact | null = null;
  /** When the wait for everybody's journal began. */
  beganAtMs: number | null = null;
  /** Hosts that have reached it. */
  readonly heard = new Set<string>();
  /** When events of a kind were stored first, by `key`. */
  readonly events = new Map<string, number>();
  readonly failures = new Map<
    string,
    { readonly closure: string; readonly attempt: number; readonly atMs: number }[]
  >();
  /** What was last told of a host's enforced controls, on the closure that it ran then. */
  readonly standings = new Map<string, ControlsTold>();
  /** When a host failed for its controls, by host and rollout. */
  readonly failedControls = new Map<string, number>();
  /** Rollouts that somebody began to fetch, or was told to start. */
  readonly begun = new Set<string>();
  /** When each host was allowed a rollout last, told of it or not. */
  readonly allowedAtMs = new Map<string, Map<RolloutId, number>>();
  /** When a rollout's failures were more than it bears. */
  readonly haltedAtMs = new Map<string, number>();
  readonly #failed = new Map<string, Set<string>>();

  static key(
    kind: JournalEvent['kind'],
    host: string,
    { rolloutId, attempt }: Pick<HostTarget, 'rolloutId' | 'attempt'>,
  ): string {
    return `${kind} ${host} ${rolloutId} ${attempt}`;
  }

  allowed(host: string, rolloutId: RolloutId, nowMs: number): void {
    this.allowedAtMs.set(host, (this.allowedAtMs.get(host) ?? new Map()).set(rolloutId, nowMs));
  }

  /** An event of a collection, or one that makes a host forget them all. */
  measured(host: string, event: JournalEvent, nowMs: number): void {
    const { kind, body } = event;
    if (kind === 'activating' || kind === 'rebooting' || kind === 'reverted' || kind === 'journal-started') {
      this.standings.delete(host);
    } else if (kind === 'checkpoint') {
      if (!this.standings.has(host)) this.#resumed(host, body.state, nowMs);
    } else if (kind === 'compliance-passed') {
      this.standings.set(host, { closure: body.closure, hasPassed: true, failingSinceMs: null });
    } else if ((kind === 'compliance-failure' || kind === 'runtime-gate-error') && body.mode === 'enforce') {
      const failingSinceMs = this.standings.get(host)?.failingSinceMs ?? nowMs;
      this.standings.set(host, { closure: body.closure, hasPassed: false, failingSinceMs });
    } else if (kind === 'failed' && body.cause === 'compliance-failed' && body.target.trialUntil === undefined) {
      this.failedControls.set(`${host} ${body.target.rolloutId}`, nowMs);
    }
  }

  /** A host that still knows what was measured before its journal began goes by that. */
  #resumed(host: string, { compliance }: HostState, nowMs: number): void {
    if (compliance === undefined) return;
    const { closure, passed, failing, error } = compliance;
    const isFailing = failing.length > 0 || error !== null;
    this.standings.set(host, { closure, hasPassed: passed !== null, failingSinceMs: isFailing ? nowMs : null });
  }

  /** True where this halts the rollout. */
  failed(host: string, { rolloutId, closure, attempt }: HostTarget, manifest: RolloutManifest, atMs: number): boolean {
    const failed = this.#failed.get(rolloutId) ?? new Set();
    this.#failed.set(rolloutId, failed.add(host));
    const failures = this.failures.get(host) ?? [];
    failures.push({ closure, attempt, atMs });
    this.failures.set(host, failures);
    if (this.haltedAtMs.has(rolloutId) || failed.size <= failuresBorne(manifest)) return false;
    this.haltedAtMs.set(rolloutId, atMs);
    return true;
  }

  failedIn(rolloutId: string): ReadonlySet<string> {
    return this.#failed.get(rolloutId) ?? new Set();
  }

  released(files: ReadonlyMap<string, Uint8Array>, atMs: number): void {
    const read = (path: string): unknown => JSON.parse(new TextDecoder().decode(files.get(path)));
    if (!files.has('head.json')) return;
    const head = read('head.json') as HeadDocument;
    const { channels } = read(`release/${head.release.sha256}.json`) as ReleaseDocument;
    this.release = { head, channels: new Map(Object.entries(channels)), atMs };
  }
}

/** Failures that a rollout bears: its policy's count or percentage, whichever is less. */
function failuresBorne({ policy, hosts }: RolloutManifest): number {
  const { count, percent } = policy.maxFailures;
  const share = percent === undefined ? undefined : Math.floor((percent * Object.keys(hosts).length) / 100);
  if (count === undefined && share === undefined) return 0;
  return Math.min(count ?? Number.POSITIVE_INFINITY, share ?? Number.POSITIVE_INFINITY);
}
