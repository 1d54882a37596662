import { accept, evidenceChainStart, refuse } from '@nixfleet/contracts';
import type { ChainPosition } from './build-evidence.ts';
import type { EvidenceOutcome } from './outcome.ts';
import type { VerifiedEvidence } from './verify-evidence.ts';

/** Where a chain stands after a document. */
export function positionOf({ document, sha256 }: VerifiedEvidence): ChainPosition {
  const { chain, sequence, collectedAt } = document;
  return { chain, sequence, sha256, collectedAt };
}

/**
 * Whether a document is the next of its chain after `before`; null before the first of a chain.
 * - `replayed`: its number is not above the last one's, be it the same document or another;
 * - `chain-gap`: numbers are missing between them, or its predecessor is not the one that is there.
 * A document of another chain is judged as its first.
 */
export function followsChain(before: ChainPosition | null, evidence: VerifiedEvidence): EvidenceOutcome<ChainPosition> {
  const { chain, sequence, previousSha256, hostname } = evidence.document;
  const what = `evidence ${sequence} of ${hostname}`;
  const last = before?.chain === chain ? before : null;
  const expected = (last?.sequence ?? 0) + 1;
  if (sequence < expected) {
    return refuse('replayed', `${what}: ${last?.sequence} of the same chain is already there`);
  }
  if (sequence > expected) return refuse('chain-gap', `${what}: expected ${expected} before it`);
  const previous = last?.sha256 ?? evidenceChainStart;
  if (previousSha256 !== previous) {
    return refuse('chain-gap', `${what}: expected ${previous} before it, got ${previousSha256}`);
  }
  return accept(positionOf(evidence));
}
