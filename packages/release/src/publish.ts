import {
  accept,
  type Commit,
  type Instant,
  refuse,
  type TrustState,
  trustPath,
  type VerifyContext,
} from '@nixfleet/contracts';
import type { FloorStore } from './floors.ts';
import type { Git } from './git.ts';
import { noFloors, readRelease, readTrust, type VerifiedTree } from './read-release.ts';
import type { ReleaseOutcome } from './release-refusal.ts';
import type { ReleaseTarget } from './release-target.ts';
import { overlayTree, type ReleaseTree, type TreeChange } from './release-tree.ts';
import type { SignedHead } from './sign-head.ts';
import { checkDescent } from './source-commit.ts';
import { type TrustProposal, trustChange } from './trust.ts';

/** What is published, as one snapshot: what the next publication is compared and swapped with. */
export interface Snapshot {
  readonly tree: ReleaseTree;
  readonly revision: string | null;
}

/**
 * Verifies a tree as an agent that has never seen this fleet would: trust chain, head, release, fleet, manifests, holds;
 * a head that has expired is refused.
 */
export async function verifyTree(
  ctx: VerifyContext,
  { tree, start, now }: { readonly tree: ReleaseTree; readonly start: TrustState; readonly now: Instant },
): Promise<ReleaseOutcome<VerifiedTree>> {
  const chain = await readTrust(ctx, { tree, start });
  if (!chain.ok) return chain;
  const read = await readRelease(ctx, { tree, trust: chain.value.newest, floors: noFloors, now });
  if (!read.ok) return read;
  return read.value ? accept(read.value) : refuse('missing', 'nothing is released there');
}

export interface PublishInput {
  readonly target: ReleaseTarget;
  /** What the change was made on top of. */
  readonly snapshot: Snapshot;
  /** Everything but the head: release, fleet, manifests and their signatures. Empty for a new head alone. */
  readonly change: TreeChange;
  readonly head: SignedHead;
  readonly floors: FloorStore;
  /** This CI's trust starting point. */
  readonly start: TrustState;
  readonly now: Instant;
  readonly message: string;
}

/**
 * The last step: verifies the whole tree once more as an agent would, publishes it in one compare-and-swap, and only
 * then moves this signer's floors.
 */
export async function publish(
  ctx: VerifyContext,
  input: PublishInput,
): Promise<ReleaseOutcome<{ readonly revision: string }>> {
  const { target, snapshot, head, now } = input;
  const files = new Map([...input.change.files, ...head.change.files]);
  const change = { files, removed: new Set([...input.change.removed, ...head.change.removed]) };
  const verified = await verifyTree(ctx, { tree: overlayTree(snapshot.tree, change), start: input.start, now });
  if (!verified.ok) return verified;
  if (verified.value.head.sha256 !== head.verified.head.sha256) {
    return refuse('hash-mismatch', 'the tree to publish does not have the head that was signed');
  }
  const published = await target.publish({ change, expected: snapshot.revision, message: input.message });
  if (!published.ok) return published;
  await input.floors.write(head.floors);
  return published;
}

/** Refuses a source commit that does not descend from the last released one, unless that is wanted. */
export async function checkRollback(input: {
  readonly git: Git;
  readonly previous: VerifiedTree | null;
  readonly commit: Commit;
  readonly allowRollback: boolean;
}): Promise<ReleaseOutcome<null>> {
  const { git, previous, commit, allowRollback } = input;
  if (!previous || allowRollback) return accept(null);
  return checkDescent(git, { released: previous.release.document.source.commit, commit });
}

/** Publishes trust versions that are not there yet, or a proposal that waits for more signatures. */
export async function publishTrust(
  ctx: VerifyContext,
  input: {
    readonly target: ReleaseTarget;
    readonly snapshot: Snapshot;
    readonly proposal: TrustProposal;
    readonly start: TrustState;
  },
): Promise<ReleaseOutcome<{ readonly revision: string }>> {
  const { target, snapshot, proposal } = input;
  const change = trustChange(proposal);
  const { version } = proposal.document;
  const chain = await readTrust(ctx, { tree: overlayTree(snapshot.tree, change), start: input.start });
  if (!chain.ok) return chain;
  const isComplete = proposal.missing === null;
  if (isComplete && chain.value.newest.sha256 !== proposal.sha256) {
    return refuse('trust-gap', `${trustPath(version)} would not be the newest of the chain`);
  }
  const message = isComplete ? `Trust ${version}` : `Trust ${version}, pending: ${proposal.missing}`;
  return target.publish({ change, expected: snapshot.revision, message });
}
