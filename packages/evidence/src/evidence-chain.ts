import { accept, evidenceChainStart, type Instant, refuse } from '@nixfleet/contracts';
import type { ChainPosition } from './build-evidence.ts';
import type { EvidenceOutcome, EvidenceRefusal } from './outcome.ts';
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
 * A document of another chain is judged as its first: whether that chain was there before, `before` alone cannot say. `ChainWalk`
 * can.
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

/** Most chains of one host that are told apart: a reinstallation each. */
export const chainsMax = 1000;

/** What came of one document. */
export interface ChainStep {
  /** Null: it follows. */
  readonly refusal: EvidenceRefusal | null;
  /** Whether the host's history goes on with it. Behind a gap it does, so that one gap is one refusal. */
  readonly isLink: boolean;
}

/**
 * The documents of one host in the order in which they are given, from wherever the first of them stands. A host begins a new
 * chain where it has lost the last one, and never goes back to it. So beside what `followsChain` says:
 * - `replayed`: of a chain that another one has followed, whatever its number;
 * - `stale`: of a later chain, and collected before the one that it follows ended. Otherwise chains could be put in another
 *   order, and the newest measurement would not be the last one.
 */
export class ChainWalk {
  #position: ChainPosition | null = null;
  /** Chains that another one has followed, and when the last of them ended. */
  readonly #over = new Set<string>();
  #overAt: Instant | null = null;

  step(evidence: VerifiedEvidence): ChainStep {
    const { chain, sequence, previousSha256, collectedAt, hostname } = evidence.document;
    const what = `evidence ${sequence} of ${hostname}`;
    if (this.#over.has(chain)) {
      return passedOver(refuse('replayed', `${what}: another chain has followed chain ${chain}`));
    }
    // It begins somewhere in a chain: the first document is taken at its word about the one before.
    const before = this.#position ?? { chain, sequence: sequence - 1, sha256: previousSha256, collectedAt };
    const follows = followsChain(before, evidence);
    if (!follows.ok && follows.reason === 'replayed') return passedOver(follows);
    if (before.chain !== chain) {
      if (this.#over.size >= chainsMax) {
        return passedOver(refuse('chain-gap', `${what}: expected at most ${chainsMax} chains`));
      }
      this.#over.add(before.chain);
      if (this.#overAt === null || before.collectedAt > this.#overAt) this.#overAt = before.collectedAt;
    }
    this.#position = positionOf(evidence);
    if (this.#overAt !== null && collectedAt < this.#overAt) {
      const detail = `${what}: collected at ${collectedAt}, and the chain before it went on until ${this.#overAt}`;
      return passedOver(refuse('stale', detail));
    }
    return { refusal: follows.ok ? null : follows, isLink: true };
  }
}

function passedOver(refusal: EvidenceRefusal): ChainStep {
  return { refusal, isLink: false };
}
