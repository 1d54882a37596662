import {
  accept,
  type Clock,
  msToInstant,
  type Sha256Hex,
  type Signer,
  type TrustState,
  type VerifyContext,
} from '@nixfleet/contracts';
import type { Approver } from './approver.ts';
import type { FloorStore } from './floors.ts';
import type { Progress } from './progress.ts';
import { publish, type Snapshot } from './publish.ts';
import type { ReleaseOutcome } from './release-refusal.ts';
import type { ReleaseTarget } from './release-target.ts';
import { overlayTree, type TreeChange } from './release-tree.ts';
import { type SignedHead, signHead } from './sign-head.ts';
import { signRelease, toPending } from './sign-release.ts';

/** Who signs and where it goes: the same for a new release, a pending one and a new head. */
export interface Publisher {
  readonly target: ReleaseTarget;
  /** Trust starting point of this CI. */
  readonly start: TrustState;
  readonly floors: FloorStore;
  readonly releaseSigners: readonly Signer[];
  readonly headSigners: readonly Signer[];
  /** Approve an emergency. */
  readonly approvers?: readonly Approver[];
  readonly clock: Clock;
  readonly progress: Progress;
  /** Life of the head, in seconds. */
  readonly lifeSeconds?: number;
  /** What is published now is the first thing this signer sees. */
  readonly isFirstUse?: boolean;
}

export type PublishOutcome = ReleaseOutcome<
  | { readonly kind: 'published'; readonly revision: string; readonly head: SignedHead }
  /** Not enough have signed: it waits in `pending/`, and the head is as it was. */
  | { readonly kind: 'pending'; readonly revision: string; readonly sha256: Sha256Hex; readonly missing: string }
>;

/** Signs a release, and with enough signatures a head that names it, and publishes both in one step. */
export async function signAndPublish(
  ctx: VerifyContext,
  publisher: Publisher,
  input: {
    readonly snapshot: Snapshot;
    readonly change: TreeChange;
    readonly sha256: Sha256Hex;
    /** The newest trust of the snapshot. */
    readonly trust: TrustState;
  },
): Promise<PublishOutcome> {
  const { target, progress, clock } = publisher;
  progress.report({ step: 'sign', state: 'started' });
  const now = msToInstant(clock.now());
  const { approvers = [], releaseSigners: signers } = publisher;
  const signed = await signRelease(ctx, { ...input, published: input.snapshot.tree, signers, approvers, now });
  if (!signed.ok) return signed;
  const { document, sha256, bytes } = signed.value;
  // Whoever approves need not own a head key; whoever does publishes what is complete.
  const missing = signed.value.missing ?? (publisher.headSigners.length === 0 ? missingHead : null);
  const subject = `Release ${document.version} of ${document.source.commit.slice(0, 12)}`;
  if (missing !== null) {
    const change = toPending(signed.value);
    const message = `${subject}, pending: ${missing}`;
    const pending = await target.publish({ change, expected: input.snapshot.revision, message });
    return pending.ok ? accept({ kind: 'pending', revision: pending.value.revision, sha256, missing }) : pending;
  }
  const { change } = signed.value;
  const head = await signHead(ctx, {
    ...publisher,
    tree: overlayTree(input.snapshot.tree, change),
    signers: publisher.headSigners,
    now,
    release: { version: document.version, sha256, bytes: bytes.length },
  });
  if (!head.ok) return head;
  progress.report({ step: 'sign', state: 'done' });
  progress.report({ step: 'publish', state: 'started', detail: target.name });
  const published = await publish(ctx, { ...publisher, ...input, change, head: head.value, now, message: subject });
  if (!published.ok) return published;
  progress.report({ step: 'publish', state: 'done', detail: published.value.revision });
  return accept({ kind: 'published', revision: published.value.revision, head: head.value });
}

const missingHead = 'everybody has signed: a head that names it';

/** The hourly job: the same release under a new head, with the holds that are in force now. */
export async function renewHead(
  ctx: VerifyContext,
  publisher: Publisher,
): Promise<ReleaseOutcome<{ readonly revision: string; readonly head: SignedHead }>> {
  const snapshot = await publisher.target.snapshot();
  const now = msToInstant(publisher.clock.now());
  const head = await signHead(ctx, { ...publisher, tree: snapshot.tree, signers: publisher.headSigners, now });
  if (!head.ok) return head;
  const published = await publish(ctx, {
    ...publisher,
    snapshot,
    change: { files: new Map(), removed: new Set() },
    head: head.value,
    now,
    message: `Head ${head.value.document.version}`,
  });
  return published.ok ? accept({ revision: published.value.revision, head: head.value }) : published;
}
