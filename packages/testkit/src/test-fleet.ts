import {
  addSeconds,
  type Crypto,
  entriesOf,
  FleetName,
  fleetPath,
  HeadDocument,
  HoldDocument,
  type HostName,
  type HostTarget,
  headPath,
  holdPath,
  Instant,
  JournalId,
  manifestEntry,
  pinTrust,
  ReleaseDocument,
  ResumeDocument,
  type RolloutId,
  type RolloutManifest,
  releasePath,
  resumePath,
  rolloutPath,
  type SealableDocument,
  type Sha256Hex,
  type SignedBytes,
  type SignedEvent,
  sealDocument,
  type TrustDocument,
  type TrustState,
  trustPath,
  type VerifiedFleet,
  type VerifiedHead,
  type VerifiedManifest,
  type VerifiedRelease,
  type VerifyContext,
  verifyFleet,
  verifyHead,
  verifyManifest,
  verifyRelease,
} from '@nixfleet/contracts';
import { nodeCrypto } from '@nixfleet/contracts/node-crypto';
import { accepted, present } from './accepted.ts';
import { firstTrust } from './first-trust.ts';
import { putSigned, readSigned } from './release-files.ts';
import { demoIntent, fleetDocumentOf, manifestOf, type TestIntent } from './test-intent.ts';
import { TestJournal } from './test-journal.ts';
import { type TestKey, testKey } from './test-key.ts';
import { sealReports } from './test-reports.ts';
import { signTestBytes } from './test-signing.ts';
import { sealTrials } from './test-trials.ts';

export interface TestFleetOptions {
  /** Default `demo`. */
  readonly name?: string;
  /** When trust is signed; `now` starts here. Default 2026-06-01T08:00:00Z. */
  readonly now?: string;
  /** Life of a head, in seconds. Default one day. */
  readonly headSeconds?: number;
  /** What the first `publish` starts from. Default `demoIntent()`. */
  readonly intent?: TestIntent;
  /** Default `nodeCrypto`. */
  readonly crypto?: Crypto;
  /** Changes the first trust document before it is signed. */
  readonly trust?: (draft: TrustDocument) => void | Promise<void>;
}

/** One published version, as documents and as bytes. */
export interface TestRelease {
  readonly version: number;
  readonly release: SignedBytes;
  readonly document: ReleaseDocument;
  readonly head: SignedBytes;
  readonly fleet: Uint8Array;
  readonly manifests: ReadonlyMap<string, TestManifest>;
}

export interface TestManifest {
  readonly rolloutId: RolloutId;
  readonly document: RolloutManifest;
  readonly bytes: Uint8Array;
}

/** Everything the verifiers return for the newest published version. */
export interface TestVerified {
  readonly trust: TrustState;
  readonly head: VerifiedHead;
  readonly release: VerifiedRelease;
  readonly fleet: VerifiedFleet;
  readonly manifests: ReadonlyMap<string, VerifiedManifest>;
}

/**
 * A fleet that really signs. Every key comes from a label, so that two runs make the same bytes.
 *
 *     const fleet = await createTestFleet();
 *     await fleet.publish();                                            // release 1, head 1
 *     await fleet.publish((next) => { next.hosts.canary!.closure = 2; }); // release 2: `stable` gets a new rollout
 *     fleet.files;                                                      // the tree `releases/`: path to bytes
 *     const { trust, release, manifests } = await fleet.verified();     // by the real verifiers
 *     const event = await fleet.journal('canary').append({ kind: 'converged', body: … }, { at: fleet.now });
 *
 * Signers (each with the key of the label equal to its name): `root-1`, `root-2`, `root-3` (threshold 2), `ci` and
 * `ci-spare` (release, 1), `ci-head` (head, 1), `alice` and `bob` (approver, 1; emergency 2). Host keys have the label
 * `host:<name>`, operators' `operator:<name>`, control planes' `control-plane` and `control-plane-spare`.
 */
export class TestFleet {
  readonly name: FleetName;
  readonly ctx: VerifyContext;
  /** `releases/`: path to bytes, signatures included, in the layout of design §4. */
  readonly files = new Map<string, Uint8Array>();
  /** Version 1 first. */
  readonly trustChain: SignedBytes[] = [];
  readonly releases: TestRelease[] = [];
  now: Instant;
  intent: TestIntent;
  readonly #headSeconds: number;
  readonly #holds: { readonly sha256: Sha256Hex; readonly expiresAt: Instant }[] = [];
  readonly #journals = new Map<string, TestJournal>();
  #trust: TrustDocument | null = null;
  #head: HeadDocument | null = null;

  constructor(options: TestFleetOptions) {
    this.name = FleetName.parse(options.name ?? 'demo');
    this.ctx = { crypto: options.crypto ?? nodeCrypto, fleet: this.name };
    this.now = Instant.parse(options.now ?? '2026-06-01T08:00:00Z');
    this.intent = structuredClone(options.intent ?? demoIntent());
    this.#headSeconds = options.headSeconds ?? 24 * 3600;
  }

  get trustDocument(): TrustDocument {
    return present(this.#trust, 'a trust document');
  }

  get headDocument(): HeadDocument {
    return present(this.#head, 'a head: publish first');
  }

  get current(): TestRelease {
    return present(this.releases.at(-1), 'a release: publish first');
  }

  /** The key of a host, as its intent declares it unless that names other keys. */
  hostKey(name: string): Promise<TestKey> {
    return this.keyOf(`host:${name}`);
  }

  /** Signs and publishes the next trust version; by the root signers of both versions unless labels of keys are given. */
  async nextTrust(
    change: (draft: TrustDocument) => void | Promise<void>,
    signedBy?: readonly string[],
  ): Promise<SignedBytes> {
    const draft = structuredClone(this.trustDocument);
    draft.version++;
    draft.signedAt = this.now;
    await change(draft);
    const labels = signedBy ?? [...new Set([...this.trustDocument.roles.root.signers, ...draft.roles.root.signers])];
    return this.putTrust(draft, labels);
  }

  /** @internal */
  async putTrust(document: TrustDocument, labels: readonly string[]): Promise<SignedBytes> {
    const signed = await this.sign(document, labels);
    this.#trust = document;
    this.trustChain.push(signed);
    putSigned(this.files, trustPath(document.version), signed);
    return signed;
  }

  /** Any valid document, signed with the keys of these labels (and by people's, as SSHSIG); nothing is published. */
  async sign(
    document: SealableDocument,
    labels: readonly string[],
    approvedBy: readonly string[] = [],
  ): Promise<SignedBytes> {
    const { bytes } = await sealDocument(this.ctx.crypto, document);
    const namespace = `${document.type}@${document.fleet}`;
    const approval = { namespace, keys: await this.#keys(approvedBy) };
    return signTestBytes(bytes, await this.#keys(labels), approval, this.ctx.crypto);
  }

  /**
   * Releases the intent, changed by `change` for good: fleet, manifests, release and head. A channel in which nothing
   * changed keeps its rollout.
   */
  async publish(
    change: (next: TestIntent) => void = () => {},
    { signedBy = ['ci'], approvedBy = [] }: { signedBy?: readonly string[]; approvedBy?: readonly string[] } = {},
  ): Promise<TestRelease> {
    const version = this.releases.length + 1;
    this.intent = structuredClone(this.intent);
    this.intent.commit = version.toString(16).padStart(40, '0');
    change(this.intent);
    await this.#declareKeys();

    const fleet = await sealDocument(this.ctx.crypto, fleetDocumentOf(this.name, this.intent));
    this.files.set(fleetPath(fleet.sha256), fleet.bytes);
    const manifests = new Map<string, TestManifest>();
    for (const channel of Object.keys(this.intent.channels)) {
      const manifest = await this.#manifest(channel, version);
      manifests.set(channel, manifest);
      this.files.set(rolloutPath(manifest.rolloutId), manifest.bytes);
    }
    const { trials, files } = await sealTrials(this.ctx.crypto, this.intent, { manifests, version });
    for (const [path, bytes] of files) this.files.set(path, bytes);
    const reports = await sealReports(this.ctx.crypto, this.intent, this.files);
    const document = ReleaseDocument.parse({
      type: 'release',
      fleet: this.name,
      schemaVersion: 1,
      version,
      trustVersion: this.trustDocument.version,
      createdAt: this.now,
      source: { repository: this.intent.repository, commit: this.intent.commit },
      resolvedFleet: { sha256: fleet.sha256, bytes: fleet.bytes.length },
      ...(this.intent.emergency && { emergency: this.intent.emergency }),
      ...(trials && { trials }),
      ...reports,
      channels: Object.fromEntries(
        [...manifests].map(([name, { rolloutId, bytes }]) => [name, this.#releaseChannel(name, rolloutId, bytes)]),
      ),
    });
    const release = await this.sign(document, signedBy, approvedBy);
    const { sha256 } = await sealDocument(this.ctx.crypto, document);
    putSigned(this.files, releasePath(sha256), release);
    const head = await this.signHead((draft) => {
      draft.release = { version, sha256, bytes: release.bytes.length };
    });
    const published = { version, release, document, head, fleet: fleet.bytes, manifests };
    this.releases.push(published);
    return published;
  }

  /** The next head: the same release for another life, unless `change` says more. */
  async signHead(change: (draft: HeadDocument) => void = () => {}, signedBy = ['ci-head']): Promise<SignedBytes> {
    const draft: HeadDocument = HeadDocument.parse({
      type: 'head',
      fleet: this.name,
      schemaVersion: 1,
      version: (this.#head?.version ?? 0) + 1,
      signedAt: this.now,
      expiresAt: addSeconds(this.now, this.#headSeconds),
      release: this.#head?.release ?? { version: 1, sha256: '0'.repeat(64), bytes: 2 },
      holds: this.#holds.filter(({ expiresAt }) => expiresAt > this.now).map(({ sha256 }) => sha256),
    });
    draft.holds.sort();
    change(draft);
    const signed = await this.sign(draft, signedBy);
    this.#head = draft;
    putSigned(this.files, headPath, signed);
    return signed;
  }

  /** An approver's hold on a channel, named by a new head unless `isNamed` is false: then by the next one. */
  async hold(
    channel: string,
    { reason = 'test', seconds = 3600, approvedBy = ['alice'], isNamed = true } = {},
  ): Promise<{ readonly sha256: Sha256Hex; readonly signed: SignedBytes }> {
    const document = HoldDocument.parse({
      type: 'hold',
      fleet: this.name,
      schemaVersion: 1,
      channel,
      reason,
      createdAt: this.now,
      expiresAt: addSeconds(this.now, seconds),
    });
    const signed = await this.sign(document, [], approvedBy);
    const { sha256 } = await sealDocument(this.ctx.crypto, document);
    this.#holds.push({ sha256, expiresAt: document.expiresAt });
    putSigned(this.files, holdPath(sha256), signed);
    if (isNamed) await this.signHead();
    return { sha256, signed };
  }

  /** Approvers end a hold; a new head drops it unless `isNamed` is false: then the next one does. */
  async resume(hold: Sha256Hex, { approvedBy = ['alice'], isNamed = true } = {}): Promise<SignedBytes> {
    const document = ResumeDocument.parse({
      type: 'resume',
      fleet: this.name,
      schemaVersion: 1,
      hold,
      createdAt: this.now,
    });
    const signed = await this.sign(document, [], approvedBy);
    putSigned(this.files, resumePath(hold), signed);
    const at = this.#holds.findIndex(({ sha256 }) => sha256 === hold);
    if (at !== -1) this.#holds.splice(at, 1);
    if (isNamed) await this.signHead();
    return signed;
  }

  /** Lets time pass for what is signed from now on. */
  pass(seconds: number): void {
    this.now = addSeconds(this.now, seconds);
  }

  /** Runs the real verifiers over the newest of everything; throws with the refusal if one refuses. */
  async verified(): Promise<TestVerified> {
    const { ctx, now, current } = this;
    const trust = accepted(await pinTrust(ctx, present(this.trustChain.at(-1), 'trust').bytes));
    const head = accepted(await verifyHead(ctx, { trust, signed: readSigned(this.files, headPath), floor: null, now }));
    const release = accepted(await verifyRelease(ctx, { trust, head, signed: current.release, floor: null, now }));
    const fleet = accepted(await verifyFleet(ctx, { release, bytes: current.fleet }));
    const manifests = new Map<string, VerifiedManifest>();
    for (const [channel, { bytes }] of current.manifests) {
      manifests.set(channel, accepted(await verifyManifest(ctx, { release, channel, bytes })));
    }
    return { trust, head, release, fleet, manifests };
  }

  /** What the newest release tells a host to run. */
  async target(host: string): Promise<HostTarget> {
    const { fleet, manifests } = await this.verified();
    const channel = present(this.intent.hosts[host], `host ${host}`).channel;
    const { document, rolloutId } = present(manifests.get(channel), `channel ${channel}`);
    const { wave, closure, closureDigest, attempt } = accepted(manifestEntry(document, fleet, host));
    const { channel: name, introducedIn, waves } = document;
    const soakSeconds = present(waves[wave], `wave ${wave}`).soakSeconds;
    return { rolloutId, channel: name, introducedIn, wave, closure, closureDigest, attempt, soakSeconds };
  }

  /** A host's journal, begun at the first call. */
  async journal(host: string): Promise<TestJournal> {
    const known = this.#journals.get(host);
    if (known) return known;
    const key = await this.hostKey(host);
    const journal = new TestJournal({
      fleet: this.name,
      host: host as HostName,
      key,
      journal: JournalId.parse(key.keyId.slice(0, 32)),
    });
    this.#journals.set(host, journal);
    return journal;
  }

  /** A signed `converged` event of a host on its newest target: what a `go` for a later wave carries. */
  async receipt(host: string): Promise<SignedEvent> {
    const target = await this.target(host);
    const journal = await this.journal(host);
    return journal.append({ kind: 'converged', body: { target, switched: true } }, { at: this.now });
  }

  /** The key of any label. */
  keyOf(label: string): Promise<TestKey> {
    return testKey(label, 'ed25519', this.ctx.crypto);
  }

  async #keys(labels: readonly string[]): Promise<TestKey[]> {
    const keys: TestKey[] = [];
    for (const label of labels) keys.push(await this.keyOf(label));
    return keys;
  }

  async #declareKeys(): Promise<void> {
    for (const [name, host] of Object.entries(this.intent.hosts)) {
      if (host.pubkeys.length === 0) host.pubkeys.push((await this.hostKey(name)).openssh);
    }
    for (const [name, operator] of Object.entries(this.intent.operators)) {
      if (operator.pubkeys.length === 0) operator.pubkeys.push((await this.keyOf(`operator:${name}`)).openssh);
    }
  }

  async #manifest(channel: string, version: number): Promise<TestManifest> {
    const document = manifestOf(this.name, this.intent, { channel, introducedIn: version });
    const before = this.releases.at(-1)?.manifests.get(channel);
    if (before) {
      const { introducedIn, source, displayName } = before.document;
      const same = await sealDocument(this.ctx.crypto, { ...document, introducedIn, source, displayName });
      if (same.sha256 === (before.rolloutId as string)) return before;
    }
    const { sha256, bytes } = await sealDocument(this.ctx.crypto, document);
    return { rolloutId: sha256 as RolloutId, document, bytes };
  }

  #releaseChannel(name: string, rolloutId: RolloutId, bytes: Uint8Array) {
    const before = this.releases.at(-1)?.document;
    const earlier = before ? entriesOf(before.channels).find(([channel]) => channel === name)?.[1] : undefined;
    const intent = present(this.intent.channels[name], `channel ${name}`);
    const isChanged = earlier !== undefined && earlier.rolloutId !== rolloutId;
    const mayFinish = isChanged ? [earlier.rolloutId] : (earlier?.mayFinish ?? []);
    return {
      rolloutId,
      bytes: bytes.length,
      mayFinish: intent.policy.onNewRelease === 'finish' ? mayFinish : [],
      freezes: intent.freezes,
    };
  }
}

export async function createTestFleet(options: TestFleetOptions = {}): Promise<TestFleet> {
  const fleet = new TestFleet(options);
  const document = await firstTrust(fleet);
  await options.trust?.(document);
  await fleet.putTrust(document, document.roles.root.signers);
  return fleet;
}
