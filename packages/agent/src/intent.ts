import {
  type CheckinReply,
  type Clock,
  type EventContent,
  type Go,
  type HostState,
  type Instant,
  type JournalPosition,
  lookup,
  type ManifestHost,
  type RolloutId,
  type VerifiedManifest,
  type VerifyContext,
  verifyReceipts,
  type Withheld,
} from '@nixfleet/contracts';
import { contactSecondsMax, hostBrake, type Intent, isEmergencyAt } from '@nixfleet/engine';
import { Allowance } from './allowance.ts';
import type { DocumentSource } from './document-source.ts';
import type { IntentSource, VerifiedView } from './intent-source.ts';
import { SpentGo } from './spent-go.ts';

/**
 * How often a permission may come back: each may start a fetch. One for a rollout that a later release introduced than
 * any before is free, since a control plane can make none of those.
 */
const grants = { burst: 6, refillMs: 60_000 };

/** What only this machine knows, when the intent is made. */
export interface HostFacts {
  readonly localHold: HostState['localHold'];
  /** The newest trial that is over here. */
  readonly trialEnded?: HostState['trialEnded'];
  readonly isClockSynchronised: boolean;
  /** Null: the control plane has not answered since the agent started. */
  readonly secondsSinceContact: number | null;
}

/** Something that the newest head leads to could not be had yet. */
export function isLate({ obstacle, view }: Pick<IntentSource, 'obstacle' | 'view'>): boolean {
  return obstacle !== null || (view !== null && view.unreadHolds.length > 0);
}

interface Granted {
  readonly go: Go;
  readonly manifest: VerifiedManifest;
  readonly entry: ManifestHost;
}

/** The control plane's newest `go`, as far as it could be verified: it permits, and says nothing of what to run. */
export class Permission {
  readonly #ctx: VerifyContext;
  readonly #documents: IntentSource;
  readonly #report: (content: EventContent) => void;
  #go: Go | null = null;
  #granted: Granted | null = null;
  #lastRefused = '';
  readonly #clock: Clock;
  readonly #grants: Allowance;
  /** Monotonic milliseconds from which the newest permission counts. */
  #countsFromMs = 0;
  /** What is permitted without interruption. */
  #standing = '';
  /** The latest release that introduced a rollout which was permitted. */
  #introducedIn = 0;
  readonly #spent = new SpentGo();
  readonly #position: () => JournalPosition;

  constructor(
    ctx: VerifyContext,
    {
      documents,
      clock,
      position,
      report,
    }: {
      readonly documents: IntentSource;
      readonly clock: Clock;
      /** How far the journal goes. */
      readonly position: () => JournalPosition;
      readonly report: (content: EventContent) => void;
    },
  ) {
    this.#clock = clock;
    this.#grants = new Allowance(clock, grants);
    this.#ctx = ctx;
    this.#documents = documents;
    this.#report = report;
    this.#position = position;
  }

  /** The control plane permits nothing. */
  get isNone(): boolean {
    return this.#go === null;
  }

  get granted(): Granted | null {
    return this.#clock.monotonicMs() < this.#countsFromMs ? null : this.#granted;
  }

  /** What the manifest of a rollout gives this host, if it is one of those at hand: the newest, the trial's, the permitted one. */
  entryOf(rolloutId: RolloutId): ManifestHost | null {
    const { view } = this.#documents;
    const known = [view, view?.trial ?? null, this.#granted];
    return known.find((found) => found?.manifest?.rolloutId === rolloutId)?.entry ?? null;
  }

  /** It was for one switch, which ended: the next one needs a `go` of its own, however much the same that is. */
  end(): void {
    this.#spent.endedAt(this.#position());
    this.#go = null;
    this.#granted = null;
    this.#standing = '';
  }

  /**
   * What a reply says of it, to a question that was asked at a place of the journal. False: it does not count, or is not all there,
   * and is to be told again.
   */
  async take(
    { go, goId }: Pick<CheckinReply, 'go' | 'goId'>,
    { askedAt, isNewView, source }: { askedAt: JournalPosition; isNewView: boolean; source: DocumentSource },
    signal: AbortSignal,
  ): Promise<boolean> {
    if (goId !== null && this.#spent.wasFor(askedAt, this.#position())) return false;
    if (go || goId === null) await this.set(go ?? null, source, signal);
    else if (this.isNone) return false;
    else if (isNewView) await this.verify(source, signal);
    // The switch that it was for may have ended while its manifest and receipts were read.
    return goId === null || !this.#spent.wasFor(askedAt, this.#position());
  }

  /** Null: the control plane took its `go` back. */
  async set(go: Go | null, source: DocumentSource, signal: AbortSignal): Promise<void> {
    this.#go = go;
    await this.verify(source, signal);
  }

  /** Again under the newest documents: a key that left the fleet no longer signs receipts. */
  async verify(source: DocumentSource, signal: AbortSignal): Promise<void> {
    const go = this.#go;
    this.#granted = null;
    const view = this.#documents.view;
    if (go === null || view === null) {
      this.#standing = '';
      return;
    }
    const found = await this.#documents.manifestOf(go.rolloutId, source, signal);
    if (this.#go !== go) return;
    if (found === null) {
      return this.#refuse(go, 'wrong-rollout', `go: rollout ${go.rolloutId} is not one of this host now`);
    }
    const { manifest, entry } = found;
    if (go.wave !== entry.wave)
      return this.#refuse(go, 'wrong-wave', `go: for wave ${go.wave}, expected ${entry.wave}`);
    if (go.attempt !== entry.attempt) {
      return this.#refuse(go, 'wrong-version', `go: for attempt ${go.attempt}, expected ${entry.attempt}`);
    }
    const receipts = await verifyReceipts(this.#ctx, {
      fleet: view.fleet,
      manifest: manifest.document,
      rolloutId: manifest.rolloutId,
      wave: entry.wave,
      receipts: go.receipts,
    });
    if (this.#go !== go) return;
    if (!receipts.ok) return this.#refuse(go, receipts.reason, receipts.detail);
    const standing = `${go.rolloutId}:${go.attempt}${go.reboot ? ':reboot' : ''}`;
    const { introducedIn } = manifest.document;
    if (introducedIn > this.#introducedIn) this.#countsFromMs = 0;
    else if (standing !== this.#standing) this.#countsFromMs = this.#clock.monotonicMs() + this.#grants.take();
    this.#introducedIn = Math.max(this.#introducedIn, introducedIn);
    this.#standing = standing;
    this.#granted = { go, manifest, entry };
  }

  #refuse(go: Go, reason: Extract<EventContent, { kind: 'document-refused' }>['body']['reason'], detail: string): void {
    this.#standing = '';
    const key = `${go.rolloutId}:${go.attempt}:${reason}:${detail}`;
    if (key === this.#lastRefused) return;
    this.#lastRefused = key;
    this.#report({ kind: 'document-refused', body: { document: 'go', reason, detail } });
  }
}

/** What the newest verified documents want of this host, and what stands against starting it now. */
export function intentOf(
  documents: IntentSource,
  permission: Permission,
  facts: HostFacts,
  now: Instant,
): Intent | null {
  const { view } = documents;
  if (view === null) return null;
  const trial = view.trial;
  const isTrying = trial !== null && now < trial.expiresAt && facts.trialEnded !== trial.manifest.rolloutId;
  // While a trial stands, only a go for it counts; and outside of it, none for it.
  const isForTrial = permission.granted?.manifest.rolloutId === trial?.manifest.rolloutId;
  const granted = isForTrial === isTrying ? permission.granted : null;
  const { manifest, entry } = (isTrying ? trial : granted) ?? view;
  if (manifest === null || entry === null) return null;
  const { document, rolloutId } = manifest;
  const { policy } = document;
  const { wave, closure, closureDigest, attempt } = entry;
  const { reboots } = policy;
  const more = isTrying ? { trialUntil: trial.expiresAt } : reboots === undefined ? {} : { reboots };
  const { soakSeconds = 0, notBefore } = document.waves[wave] ?? {};
  const isSilent = facts.secondsSinceContact === null || facts.secondsSinceContact > contactSecondsMax;
  // `timed` is a channel's opt-in: signed earliest starts stand in for a `go` while nobody answers.
  // Only with a confirmation that needs none either: the switch would be refused at the last moment, again and again.
  const isTimed =
    !isTrying &&
    policy.withoutControlPlane === 'timed' &&
    policy.confirm.by === 'local' &&
    notBefore !== undefined &&
    notBefore <= now &&
    isSilent;
  return {
    target: {
      rolloutId,
      channel: document.channel,
      introducedIn: document.introducedIn,
      wave,
      closure,
      closureDigest,
      attempt,
      soakSeconds,
      ...more,
    },
    policy,
    brake: documents.obstacle ?? brakeOf(documents, view, { manifest, facts, isTimed }, now),
    hasGo: granted?.go.reboot === true ? false : granted !== null || isTimed,
    mayReboot: granted?.go.reboot === true,
  };
}

function brakeOf(
  documents: IntentSource,
  view: VerifiedView,
  input: { readonly manifest: VerifiedManifest; readonly facts: HostFacts; readonly isTimed: boolean },
  now: Instant,
): Withheld | null {
  const { manifest, facts, isTimed } = input;
  const { document } = manifest;
  const { emergency } = view.release.document;
  const [unread] = view.unreadHolds;
  if (unread !== undefined)
    return { code: 'hold', reason: `hold ${unread} is named by the head and cannot be read here` };
  return hostBrake(
    {
      channel: document.channel,
      brakes: {
        holds: view.holds,
        freezes: lookup(view.release.document.channels, document.channel)?.freezes ?? [],
        windows: document.windows,
        resolvedUntil: document.resolvedUntil,
        headExpiresAt: view.head.document.expiresAt,
        isEmergency: isEmergencyAt(emergency, { isApproved: view.release.emergencyApproved, now }),
      },
      host: {
        localHold: facts.localHold,
        isClockSynchronised: facts.isClockSynchronised,
        headSignedAt: view.head.document.signedAt,
        secondsSinceContact: facts.secondsSinceContact,
        confirmsLocally: document.policy.confirm.by === 'local' || isTimed,
        isFloorLost: documents.isFloorLost,
      },
    },
    now,
  );
}
