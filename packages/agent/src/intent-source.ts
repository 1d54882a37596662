import {
  type AgentRefusalCode,
  addSeconds,
  type ChannelName,
  documentBytesMax,
  type EventContent,
  fleetPath,
  type HostName,
  headFloorOf,
  headPath,
  holdPath,
  lookup,
  type ManifestHost,
  manifestEntry,
  type Refusal,
  type RolloutId,
  refuse,
  releaseFloorOf,
  releasePath,
  reportPath,
  rolloutPath,
  type Sha256Hex,
  sha256Hex,
  type VerifiedFleet,
  type VerifiedHead,
  type VerifiedManifest,
  type VerifiedRelease,
  type VerifiedTrial,
  type VerifyContext,
  verifyFleet,
  verifyHead,
  verifyHold,
  verifyManifest,
  verifyRelease,
  type Withheld,
} from '@nixfleet/contracts';
import type { ActiveHold } from '@nixfleet/engine';
import type { AgentTime } from './agent-time.ts';
import type { DocumentCache } from './document-cache.ts';
import type { DocumentSource } from './document-source.ts';
import type { Floors } from './floors.ts';
import { readSigned } from './signed-reader.ts';
import { readTrial } from './trial.ts';
import type { TrustWalk } from './trust-walk.ts';

/** While floors are lost, a head older than this is not accepted, in seconds (design §4). */
export const floorLostHeadSecondsMax = 2 * 3600;
/** Most refusals remembered, so that each document is reported once. */
const refusalsMax = 512;

/** What the newest verified documents say to this host. */
export interface VerifiedView {
  readonly head: VerifiedHead;
  readonly release: VerifiedRelease;
  readonly fleet: VerifiedFleet;
  readonly channel: ChannelName;
  /** The channel's current rollout; null while this host has no entry in it. */
  readonly manifest: VerifiedManifest | null;
  readonly entry: ManifestHost | null;
  /** This host's trial, as of when the release was read. */
  readonly trial: VerifiedTrial | null;
  readonly holds: readonly ActiveHold[];
  /** Holds that the head names and that cannot be read: they hold every channel, or hiding one would lift it. */
  readonly unreadHolds: readonly Sha256Hex[];
}

export interface IntentSourceOptions {
  readonly ctx: VerifyContext;
  readonly host: HostName;
  /** SHA-256 of this host's SPKI: what the fleet must declare for `host`. */
  readonly ownKeyId: string;
  readonly trust: TrustWalk;
  readonly floors: Floors;
  readonly cache: DocumentCache;
  readonly time: AgentTime;
  /** To be journalled. */
  readonly report: (content: EventContent) => void;
  /** Floors were not there although other state is: only a fresh head is accepted until they are written again. */
  readonly isFloorLost: boolean;
}

export type SyncOutcome = 'updated' | 'unchanged' | 'refused' | 'unreachable';

type DocumentName = Extract<EventContent, { kind: 'document-refused' }>['body']['document'];
/** A refusal with the document it is about; `unreachable` is none: nothing can be said. */
type Stop = { readonly document: DocumentName; readonly refusal: Refusal<AgentRefusalCode>; readonly identity: string };

/**
 * Reads a copy of `releases/` in design §4's order: trust chain → head → release → fleet → manifest → holds. Each step is
 * a verifier of contracts; a floor is raised only after all checks of its document passed, and durably before the
 * document has an effect. What is refused changes nothing, and is reported once.
 */
export class IntentSource {
  readonly #options: IntentSourceOptions;
  readonly #reported = new Set<string>();
  #view: VerifiedView | null = null;
  #incomplete: Withheld | null = null;
  #isHeadAhead = false;
  #isFloorLost: boolean;

  constructor(options: IntentSourceOptions) {
    this.#options = options;
    this.#isFloorLost = options.isFloorLost;
  }

  get view(): VerifiedView | null {
    return this.#view;
  }

  /** What stands against a new switch here, before any brake: the newest head could not be followed to its end. */
  get obstacle(): Withheld | null {
    if (this.#isHeadAhead) return { code: 'head-from-the-future' };
    const { current } = this.#options.trust;
    if (this.#view && this.#view.release.trust.sha256 !== current.sha256) {
      const reason = `the release was verified under an older trust than ${current.document.version}`;
      return { code: 'refused', refusal: 'trust-behind', reason };
    }
    return this.#incomplete;
  }

  get isFloorLost(): boolean {
    return this.#isFloorLost;
  }

  /** The source is refreshed already. Not to be called while another call is under way. Rejects only for faults (a floor that cannot be written). */
  async sync(source: DocumentSource, signal: AbortSignal): Promise<SyncOutcome> {
    const walked = await this.#options.trust.walk(source, signal);
    for (const floor of walked.accepted) this.#options.report({ kind: 'trust-accepted', body: { floor } });
    if (walked.refusal) {
      await this.#refused({ document: 'trust', refusal: walked.refusal.refusal, identity: walked.refusal.identity });
    }
    if (walked.isUnreachable) return 'unreachable';
    const files = new Map<string, Uint8Array>();
    const outcome = await this.#follow(source, { files, isTrustNew: walked.accepted.length > 0 }, signal);
    if (typeof outcome === 'string') return outcome;
    await this.#refused(outcome);
    return 'refused';
  }

  /** The manifest of the current rollout, or of one that may finish: from our own copies, else from the source. */
  async manifestOf(
    rolloutId: RolloutId,
    source: DocumentSource,
    signal: AbortSignal,
  ): Promise<{ readonly manifest: VerifiedManifest; readonly entry: ManifestHost } | null> {
    const view = this.#view;
    if (view === null) return null;
    if (view.trial?.manifest.rolloutId === rolloutId) return view.trial;
    if (view.manifest?.rolloutId === rolloutId && view.entry) return { manifest: view.manifest, entry: view.entry };
    const verified = await this.#manifest(view, rolloutId, source, signal);
    if (verified === null) return null;
    if ('document' in verified) {
      await this.#refused(verified);
      return null;
    }
    const entry = manifestEntry(verified.manifest.document, view.fleet, this.#options.host);
    if (!entry.ok) return null;
    await this.#options.cache.put(new Map([[rolloutPath(rolloutId), verified.manifest.bytes]]));
    return { manifest: verified.manifest, entry: entry.value };
  }

  async #follow(
    source: DocumentSource,
    { files, isTrustNew }: { readonly files: Map<string, Uint8Array>; readonly isTrustNew: boolean },
    signal: AbortSignal,
  ): Promise<SyncOutcome | Stop> {
    const { ctx, trust: chain, floors, time } = this.#options;
    const trust = chain.current;
    const now = time.now();
    const behind = chain.behind();
    const { roles } = trust.document;

    const headRead = await readSigned(
      source,
      { path: headPath, type: 'head', wanted: [{ trust, names: roles.head.signers, kind: 'sig' }] },
      signal,
    );
    if (!headRead.ok) return headRead.reason === 'oversized' ? stop('head', 'oversized', headRead) : 'unreachable';
    const identity = await sha256Hex(ctx.crypto, headRead.signed.bytes);
    const isKnown = this.#view?.head.sha256 === identity && !isTrustNew;
    if (isKnown && this.#incomplete === null && this.#view?.unreadHolds.length === 0) return 'unchanged';
    if (behind) return { document: 'head', identity, refusal: behind };
    const head = await verifyHead(ctx, {
      trust,
      signed: headRead.signed,
      floor: floors.values.head,
      now,
      expired: 'accept',
    });
    if (!head.ok) {
      this.#isHeadAhead = head.reason === 'future-dated';
      return { document: 'head', identity, refusal: head };
    }
    const tooOld = this.#isFloorLost && head.value.document.signedAt < addSeconds(now, -floorLostHeadSecondsMax);
    if (tooOld) {
      const detail = `floors are lost: expected a head signed within ${floorLostHeadSecondsMax} s, got ${head.value.document.signedAt}`;
      return { document: 'head', identity, refusal: refuse('floor-lost', detail) };
    }
    // An expired head tells of holds and is reported; only one that was fresh moves a floor or brings a release.
    if (head.value.isExpired && floors.values.head?.sha256 !== head.value.sha256) {
      const detail = `head ${head.value.document.version}: expired at ${head.value.document.expiresAt}, and now is ${now}`;
      return { document: 'head', identity, refusal: refuse('expired', detail) };
    }

    const named = head.value.document.release.sha256;
    const releaseRead = await readSigned(
      source,
      {
        path: releasePath(named),
        type: 'release',
        bytesMax: head.value.document.release.bytes,
        wanted: [
          { trust, names: roles.release.signers, kind: 'sig' },
          { trust, names: roles.approver.signers, kind: 'sshsig' },
        ],
      },
      signal,
    );
    if (!releaseRead.ok) return lack('release', named, releaseRead);
    const release = await verifyRelease(ctx, {
      trust,
      head: head.value,
      signed: releaseRead.signed,
      floor: floors.values.release,
      now,
    });
    if (!release.ok) return { document: 'release', identity: named, refusal: release };

    await this.#accept(head.value, release.value);
    for (const read of [headRead, releaseRead]) for (const [path, bytes] of read.files) files.set(path, bytes);
    return this.#complete(source, { head: head.value, release: release.value, files }, signal);
  }

  /** Head and release passed all their checks: their floors are raised, durably, before anything follows from them. */
  async #accept(head: VerifiedHead, release: VerifiedRelease): Promise<void> {
    const { floors, time, report } = this.#options;
    this.#isHeadAhead = false;
    const { release: releaseBefore, head: headBefore } = floors.values;
    time.reached(head.document.signedAt);
    if (headBefore?.sha256 === head.sha256 && releaseBefore?.sha256 === release.sha256 && !this.#isFloorLost) return;
    const releaseFloor = releaseFloorOf(release);
    await floors.raise({ release: releaseFloor, head: headFloorOf(head), time: time.now() });
    this.#isFloorLost = false;
    report({
      kind: 'release-accepted',
      body: { release: releaseFloor, head: { version: head.document.version, sha256: head.sha256 } },
    });
  }

  async #complete(
    source: DocumentSource,
    input: {
      readonly head: VerifiedHead;
      readonly release: VerifiedRelease;
      readonly files: Map<string, Uint8Array>;
    },
    signal: AbortSignal,
  ): Promise<SyncOutcome | Stop> {
    const { ctx, host, ownKeyId, cache, time } = this.#options;
    const { head, release, files } = input;
    this.#incomplete = { code: 'refused', reason: 'the newest release is not whole here yet' };
    const fleetHash = release.document.resolvedFleet.sha256;
    const fleetBytesMax = Math.min(release.document.resolvedFleet.bytes, documentBytesMax.fleet);
    const fleetBytes = await this.bound(fleetPath(fleetHash), fleetBytesMax, source, signal);
    if (!fleetBytes.ok) return lack('fleet', fleetHash, fleetBytes);
    const fleet = await verifyFleet(ctx, { release, bytes: fleetBytes.bytes });
    if (!fleet.ok) return { document: 'fleet', identity: fleetHash, refusal: fleet };
    files.set(fleetPath(fleetHash), fleetBytes.bytes);
    const identity = fleet.value.identities.get(ownKeyId);
    const declared = lookup(fleet.value.document.hosts, host);
    if (identity?.kind !== 'host' || identity.name !== host || !declared) {
      const got = identity ? `${identity.kind} ${identity.name}` : 'nobody';
      const refusal = refuse('unknown-host', `expected this host's key to be declared for ${host}, got ${got}`);
      return { document: 'fleet', identity: fleetHash, refusal };
    }

    const base = { head, release, fleet: fleet.value, channel: declared.channel };
    const current = lookup(release.document.channels, declared.channel)?.rolloutId;
    const verified = current === undefined ? null : await this.#manifest(base, current, source, signal);
    if (verified !== null && 'document' in verified) return verified;
    if (verified === null && current !== undefined) return 'unreachable';
    const manifest = verified?.manifest ?? null;
    if (manifest) files.set(rolloutPath(manifest.rolloutId), manifest.bytes);
    const entry = manifest ? manifestEntry(manifest.document, fleet.value, host) : null;
    const trial = await readTrial({ ctx, release, fleet: fleet.value, host, now: time.now() }, (path, bytesMax) =>
      this.bound(path, bytesMax, source, signal),
    );
    // It keeps nobody from following the channel.
    if (trial !== null && !trial.ok) await this.#refused({ document: 'rollout', ...trial });
    if (trial?.ok) files.set(rolloutPath(trial.value.manifest.rolloutId), trial.value.manifest.bytes);
    const holds = await this.#holds(source, head, files, signal);

    this.#view = {
      ...base,
      manifest,
      entry: entry?.ok ? entry.value : null,
      trial: trial?.ok ? trial.value : null,
      ...holds,
    };
    this.#incomplete = null;
    await cache.put(files);
    const { waiverRegister } = release.document;
    const keep = [
      ...files.keys(),
      ...(waiverRegister ? [reportPath(waiverRegister.sha256)] : []),
      ...(lookup(release.document.channels, declared.channel)?.mayFinish ?? []).map(rolloutPath),
    ];
    await cache.prune(new Set(keep));
    return 'updated';
  }

  /** Null: not to be had now. */
  async #manifest(
    view: Pick<VerifiedView, 'release' | 'channel'>,
    rolloutId: RolloutId,
    source: DocumentSource,
    signal: AbortSignal,
  ): Promise<{ readonly manifest: VerifiedManifest } | Stop | null> {
    const { ctx, floors } = this.#options;
    const { release, channel } = view;
    // One that may finish is bound by hash alone: its size is not signed.
    const named = lookup(release.document.channels, channel);
    const signedBytes = named?.rolloutId === rolloutId ? named.bytes : documentBytesMax.rollout;
    const bytesMax = Math.min(signedBytes, documentBytesMax.rollout);
    const read = await this.bound(rolloutPath(rolloutId), bytesMax, source, signal);
    if (!read.ok) return read.reason === 'oversized' ? stop('rollout', rolloutId, read) : null;
    const accepted = floors.values.accepted.get(channel);
    const verified = await verifyManifest(ctx, {
      release,
      channel,
      bytes: read.bytes,
      rolloutId,
      ...(accepted === undefined ? {} : { accepted }),
    });
    return verified.ok ? { manifest: verified.value } : { document: 'rollout', identity: rolloutId, refusal: verified };
  }

  async #holds(
    source: DocumentSource,
    head: VerifiedHead,
    files: Map<string, Uint8Array>,
    signal: AbortSignal,
  ): Promise<Pick<VerifiedView, 'holds' | 'unreadHolds'>> {
    const { ctx, trust: chain, time } = this.#options;
    const trust = chain.current;
    const holds: ActiveHold[] = [];
    const unreadHolds: Sha256Hex[] = [];
    for (const hash of head.document.holds) {
      const wanted = [{ trust, names: trust.document.roles.approver.signers, kind: 'sshsig' }] as const;
      const read = await readSigned(source, { path: holdPath(hash), type: 'hold', wanted }, signal);
      if (!read.ok) {
        unreadHolds.push(hash);
        continue;
      }
      const hold = await verifyHold(ctx, { trust, head, signed: read.signed, now: time.now() });
      if (hold.ok) {
        const { channel, reason, expiresAt } = hold.value.document;
        holds.push({ channel, reason, expiresAt });
        for (const [path, bytes] of read.files) files.set(path, bytes);
      } else if (hold.reason !== 'expired') {
        unreadHolds.push(hash);
        await this.#refused({ document: 'hold', identity: hash, refusal: hold });
      }
    }
    return { holds, unreadHolds };
  }

  /** A document bound by hash: from our own copies if they have it. Wrong bytes there are read again from the source. */
  async bound(path: string, bytesMax: number, source: DocumentSource, signal: AbortSignal) {
    const { cache, ctx } = this.#options;
    const own = await cache.source.get(path, bytesMax, signal);
    if (own.ok && path.includes(await sha256Hex(ctx.crypto, own.bytes))) return own;
    return source.get(path, bytesMax, signal);
  }

  async #refused({ document, refusal, identity }: Stop): Promise<void> {
    const key = `${document}:${identity}:${refusal.reason}`;
    if (this.#reported.has(key)) return;
    this.#reported.add(key);
    const [oldest] = this.#reported;
    if (this.#reported.size > refusalsMax && oldest !== undefined) this.#reported.delete(oldest);
    const { reason, detail } = refusal;
    this.#options.report({ kind: 'document-refused', body: { document, reason, detail } });
  }
}

function stop(document: DocumentName, identity: string, { detail }: { readonly detail: string }): Stop {
  return { document, identity, refusal: refuse('oversized', detail) };
}

/** What a document that is not there amounts to: named by something signed and missing, or the source does not answer. */
function lack(
  document: DocumentName,
  identity: string,
  read: { readonly reason: 'missing' | 'unreachable' | 'oversized'; readonly detail: string },
): SyncOutcome | Stop {
  if (read.reason === 'unreachable') return 'unreachable';
  return { document, identity, refusal: refuse(read.reason, read.detail) };
}
