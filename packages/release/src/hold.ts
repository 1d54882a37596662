import {
  accept,
  addSeconds,
  type ChannelName,
  countApprovers,
  documentBytesMax,
  entriesOf,
  HoldDocument,
  holdPath,
  holdSecondsMax,
  type Instant,
  msToInstant,
  type ResumeDocument,
  readDocument,
  refuse,
  requireThreshold,
  resumePath,
  type Sha256Hex,
  type SignedBytes,
  sealDocument,
  sha256Hex,
  type TrustState,
  type VerifyContext,
} from '@nixfleet/contracts';
import { type Approver, addApprovals } from './approver.ts';
import { type FoundHold, findHolds, readApproved } from './find-holds.ts';
import { publish, type Snapshot } from './publish.ts';
import { noFloors, readPublished, readTrust, type TrustChain } from './read-release.ts';
import type { ReleaseOutcome } from './release-refusal.ts';
import { overlayTree, type ReleaseTree, type TreeChange } from './release-tree.ts';
import type { Publisher } from './sign-and-publish.ts';
import { signedFiles } from './sign-document.ts';
import { signHead } from './sign-head.ts';

/** Who holds or resumes. Without head signers the next `head sign` names what was published. */
export type HoldPublisher = Omit<Publisher, 'releaseSigners' | 'approvers'> & {
  readonly approvers: readonly Approver[];
};

/** What one approval of a hold or of its end came to. */
export interface ApprovalPublished {
  readonly sha256: Sha256Hex;
  readonly revision: string;
  /** Null once enough approvers signed; else what is missing, for people. */
  readonly missing: string | null;
  /** The head that says so to every agent; null where no head signer was at hand. */
  readonly headVersion: number | null;
}

/** Makes, signs and publishes a hold on a channel. Needs no Nix and no release key. */
export async function holdChannel(
  ctx: VerifyContext,
  publisher: HoldPublisher,
  input: { readonly channel: ChannelName; readonly reason: string; readonly expiresAt: Instant },
): Promise<ReleaseOutcome<ApprovalPublished & { readonly document: HoldDocument }>> {
  const createdAt = msToInstant(publisher.clock.now());
  const latestEnd = addSeconds(createdAt, holdSecondsMax);
  if (input.expiresAt <= createdAt || input.expiresAt > latestEnd) {
    return refuse('invalid', `a hold made now ends before ${latestEnd} (at most 90 days), got ${input.expiresAt}`);
  }
  const place = await openPlace(ctx, publisher);
  if (!place.ok) return place;
  const known = await requireChannel(ctx, publisher, place.value, input.channel);
  if (!known.ok) return known;
  const document: HoldDocument = { type: 'hold', fleet: ctx.fleet, schemaVersion: 1, ...input, createdAt };
  const { bytes } = await sealDocument(ctx.crypto, document);
  const signed = { bytes, signatures: new Map(), sshSignatures: new Map() };
  const published = await approveHold(ctx, publisher, place.value, signed);
  return published.ok ? accept({ ...published.value, document }) : published;
}

/** Adds approvals to a hold that lies in `holds/`, named by its hash: what lies there is the choice of who can write there. */
export async function signHold(
  ctx: VerifyContext,
  publisher: HoldPublisher,
  { sha256 }: { readonly sha256: Sha256Hex },
): Promise<ReleaseOutcome<ApprovalPublished & { readonly document: HoldDocument }>> {
  const place = await openPlace(ctx, publisher);
  if (!place.ok) return place;
  const { snapshot, chain } = place.value;
  const found = await readApproved(snapshot.tree, holdPath(sha256), documentBytesMax.hold, chain);
  if (!found.ok) return found;
  const hash = await sha256Hex(ctx.crypto, found.value.bytes);
  if (hash !== sha256) return refuse('hash-mismatch', `${holdPath(sha256)} has hash ${hash}: nothing was signed`);
  const read = readDocument(ctx.fleet, { type: 'hold', schema: HoldDocument }, found.value.bytes);
  if (!read.ok) return read;
  const { document } = read.value;
  if (document.expiresAt <= msToInstant(publisher.clock.now())) {
    return refuse('expired', `hold ${sha256} ended at ${document.expiresAt}: nothing was signed`);
  }
  const published = await approveHold(ctx, publisher, place.value, found.value);
  return published.ok ? accept({ ...published.value, document }) : published;
}

/** Ends holds before their time: of a channel all that lie there and are not over, or the one that is named. */
export async function resumeChannel(
  ctx: VerifyContext,
  publisher: HoldPublisher,
  input: { readonly which: { readonly channel: ChannelName } | { readonly hold: Sha256Hex }; readonly reason?: string },
): Promise<ReleaseOutcome<readonly ApprovalPublished[]>> {
  const place = await openPlace(ctx, publisher);
  if (!place.ok) return place;
  const { snapshot, chain } = place.value;
  const now = msToInstant(publisher.clock.now());
  const { which, reason } = input;
  const holds = 'hold' in which ? [which.hold] : await holdsOn(ctx, { tree: snapshot.tree, chain, now }, which.channel);
  if (holds.length === 0 && 'channel' in which) {
    return refuse('missing', `nothing holds channel ${which.channel}: see nixfleet holds list`);
  }
  const files = new Map<string, Uint8Array>();
  const ended: { sha256: Sha256Hex; missing: string | null }[] = [];
  for (const hold of holds) {
    const resumed = await approveResume(ctx, publisher, place.value, { hold, reason, now });
    if (!resumed.ok) return resumed;
    for (const [path, bytes] of signedFiles(resumePath(hold), resumed.value)) files.set(path, bytes);
    ended.push({ sha256: hold, missing: await missingApprovers(ctx, chain.newest, resumed.value, 'resume') });
  }
  const isEffective = ended.some(({ missing }) => missing === null);
  const message = `Resume: ${holds.map((hold) => hold.slice(0, 12)).join(', ')}`;
  const change = { files, removed: new Set<string>() };
  const published = await publishApproval(ctx, publisher, place.value, { change, message, isEffective });
  return published.ok ? accept(ended.map((one) => ({ ...one, ...published.value }))) : published;
}

/** Every hold that lies there, whoever put it there, by channel and then the earliest first. */
export async function listHolds(
  ctx: VerifyContext,
  publisher: Pick<HoldPublisher, 'target' | 'start' | 'clock'>,
): Promise<ReleaseOutcome<{ readonly holds: readonly FoundHold[]; readonly named: ReadonlySet<Sha256Hex> }>> {
  const snapshot = await publisher.target.snapshot();
  const chain = await readTrust(ctx, { tree: snapshot.tree, start: publisher.start });
  if (!chain.ok) return chain;
  const now = msToInstant(publisher.clock.now());
  const published = await readPublished(ctx, { tree: snapshot.tree, chain: chain.value, floors: noFloors, now });
  if (!published.ok) return published;
  const { holds } = await findHolds(ctx, { tree: snapshot.tree, chain: chain.value, now });
  return accept({ holds: [...holds.values()], named: new Set(published.value?.head.document.holds) });
}

interface Place {
  readonly snapshot: Snapshot;
  readonly chain: TrustChain;
}

async function openPlace(ctx: VerifyContext, publisher: HoldPublisher): Promise<ReleaseOutcome<Place>> {
  const snapshot = await publisher.target.snapshot();
  const floor = (await publisher.floors.read())?.trust ?? null;
  const chain = await readTrust(ctx, { tree: snapshot.tree, start: publisher.start, floor });
  return chain.ok ? accept({ snapshot, chain: chain.value }) : chain;
}

/** A misspelt channel would hold nothing. What cannot be verified now must not keep anybody from holding. */
async function requireChannel(
  ctx: VerifyContext,
  { clock, progress }: HoldPublisher,
  { snapshot, chain }: Place,
  channel: ChannelName,
): Promise<ReleaseOutcome<null>> {
  const now = msToInstant(clock.now());
  const published = await readPublished(ctx, { tree: snapshot.tree, chain, floors: noFloors, now });
  if (!published.ok) {
    const detail = `whether there is a channel ${channel} is not known: ${published.reason}: ${published.detail}`;
    progress.report({ step: 'verify', state: 'warning', detail });
    return accept(null);
  }
  const channels = entriesOf(published.value?.release.document.channels ?? {}).map(([name]) => name);
  if (channels.includes(channel)) return accept(null);
  const there = channels.length === 0 ? 'nothing is released yet' : `there are ${channels.join(', ')}`;
  return refuse('unknown-channel', `no channel ${channel}: ${there}`);
}

async function approveHold(
  ctx: VerifyContext,
  publisher: HoldPublisher,
  place: Place,
  unsigned: SignedBytes,
): Promise<ReleaseOutcome<ApprovalPublished>> {
  const { newest } = place.chain;
  const namespace = `hold@${ctx.fleet}`;
  const approved = await addApprovals({ ...publisher, crypto: ctx.crypto, signed: unsigned, trust: newest, namespace });
  if (!approved.ok) return approved;
  const sha256 = await sha256Hex(ctx.crypto, unsigned.bytes);
  const missing = await missingApprovers(ctx, newest, approved.value, 'hold');
  const change = { files: signedFiles(holdPath(sha256), approved.value), removed: new Set<string>() };
  const message = missing === null ? `Hold ${sha256.slice(0, 12)}` : `Hold ${sha256.slice(0, 12)}, pending: ${missing}`;
  const published = await publishApproval(ctx, publisher, place, { change, message, isEffective: missing === null });
  return published.ok ? accept({ sha256, missing, ...published.value }) : published;
}

async function holdsOn(
  ctx: VerifyContext,
  input: { readonly tree: ReleaseTree; readonly chain: TrustChain; readonly now: Instant },
  channel: ChannelName,
): Promise<Sha256Hex[]> {
  const { holds } = await findHolds(ctx, input);
  return [...holds.values()]
    .filter((hold) => hold.kind === 'active' && hold.document?.channel === channel)
    .map(({ sha256 }) => sha256);
}

/** Approvals of one end: on top of what other approvers signed already, if that is there. */
async function approveResume(
  ctx: VerifyContext,
  publisher: HoldPublisher,
  { snapshot, chain }: Place,
  { hold, reason, now }: { readonly hold: Sha256Hex; readonly reason: string | undefined; readonly now: Instant },
): Promise<ReleaseOutcome<SignedBytes>> {
  const document: ResumeDocument = {
    type: 'resume',
    fleet: ctx.fleet,
    schemaVersion: 1,
    hold,
    ...(reason === undefined ? {} : { reason }),
    createdAt: now,
  };
  const begun = await readApproved(snapshot.tree, resumePath(hold), documentBytesMax.resume, chain);
  const isBegun =
    begun.ok && (await countApprovers(ctx, chain.newest, `resume@${ctx.fleet}`, begun.value)).signers.size > 0;
  const signed = isBegun
    ? begun.value
    : { bytes: (await sealDocument(ctx.crypto, document)).bytes, signatures: new Map(), sshSignatures: new Map() };
  const namespace = `resume@${ctx.fleet}`;
  return addApprovals({ ...publisher, crypto: ctx.crypto, signed, trust: chain.newest, namespace });
}

async function missingApprovers(
  ctx: VerifyContext,
  trust: TrustState,
  signed: SignedBytes,
  type: 'hold' | 'resume',
): Promise<string | null> {
  const count = await countApprovers(ctx, trust, `${type}@${ctx.fleet}`, signed);
  const enough = requireThreshold(count, trust.document.roles.approver.threshold, 'the approver role');
  return enough.ok ? null : enough.detail;
}

/** Publications of others that are waited out: CI's hourly head must not keep a person from holding. */
const attemptsMax = 5;

/** Publishes signed files, and where a head signer is at hand and they take effect, the head that says so. */
async function publishApproval(
  ctx: VerifyContext,
  publisher: HoldPublisher,
  first: Place,
  input: { readonly change: TreeChange; readonly message: string; readonly isEffective: boolean },
): Promise<ReleaseOutcome<{ readonly revision: string; readonly headVersion: number | null }>> {
  let { snapshot } = first;
  for (let attempt = 1; ; attempt++) {
    const published = await publishOnce(ctx, publisher, snapshot, input);
    if (published.ok || published.reason !== 'lost-race' || attempt === attemptsMax) return published;
    snapshot = await publisher.target.snapshot();
  }
}

async function publishOnce(
  ctx: VerifyContext,
  publisher: HoldPublisher,
  snapshot: Snapshot,
  {
    change,
    message,
    isEffective,
  }: { readonly change: TreeChange; readonly message: string; readonly isEffective: boolean },
): Promise<ReleaseOutcome<{ readonly revision: string; readonly headVersion: number | null }>> {
  if (!isEffective || publisher.headSigners.length === 0) {
    const published = await publisher.target.publish({ change, expected: snapshot.revision, message });
    return published.ok ? accept({ ...published.value, headVersion: null }) : published;
  }
  const tree = overlayTree(snapshot.tree, change);
  const now = msToInstant(publisher.clock.now());
  const head = await signHead(ctx, { ...publisher, tree, signers: publisher.headSigners, now });
  if (!head.ok) return head;
  const published = await publish(ctx, { ...publisher, snapshot, change, head: head.value, now, message });
  return published.ok ? accept({ ...published.value, headVersion: head.value.document.version }) : published;
}
