import {
  addSeconds,
  type EvidenceDocument,
  type Instant,
  type Sha256Hex,
  type StorePath,
  type VerifiedEvent,
} from '@nixfleet/contracts';
import type { PacketJournal } from './findings.ts';

/** How far the journal's time may be from that of a collection, in seconds: an agent's may be ahead of the clock (ADR 0029). */
export const journalSkewSecondsMax = 3600;

interface Claim {
  readonly sha256: Sha256Hex;
  readonly seq: number;
  /** When it was collected; where the event does not say, when it was told. */
  readonly at: Instant;
  readonly isExact: boolean;
}

/** What a host's journal says of its collections, to be held against those that are there. */
export class JournalClaims {
  readonly #journal: Pick<PacketJournal, 'events' | 'closures'>;
  /** Of the period, and not seen yet. */
  readonly #named: Map<Sha256Hex, Claim>;

  constructor(
    journal: Pick<PacketJournal, 'events' | 'closures'>,
    period: { readonly from: Instant; readonly to: Instant },
  ) {
    this.#journal = journal;
    this.#named = new Map();
    for (const { event } of journal.events) {
      const claim = claimOf(event);
      if (claim === null || claim.at < period.from || claim.at >= period.to) continue;
      const known = this.#named.get(claim.sha256);
      if (known === undefined || (claim.isExact && !known.isExact)) this.#named.set(claim.sha256, claim);
    }
  }

  /** A document with this hash is there, whatever it is worth. */
  saw(sha256: Sha256Hex): void {
    this.#named.delete(sha256);
  }

  /** The journal has the host on another closure, an hour before and after as well; null if not, or if it does not say. */
  closureProblem({ collectedAt, system }: Pick<EvidenceDocument, 'collectedAt' | 'system'>): string | null {
    const earliest = addSeconds(collectedAt, -journalSkewSecondsMax);
    const latest = addSeconds(collectedAt, journalSkewSecondsMax);
    const running = new Set<StorePath>();
    for (const [i, { from, closures }] of this.#journal.closures.entries()) {
      const to = this.#journal.closures[i + 1]?.from ?? null;
      if ((to !== null && to < earliest) || from > latest) continue;
      if (closures === null) return null;
      for (const closure of closures) running.add(closure);
    }
    if (running.size === 0 || running.has(system.toplevel)) return null;
    return `collected at ${collectedAt} on ${system.toplevel}, and its journal has ${[...running].join(' or ')} running`;
  }

  /**
   * What it names and is not there. `before`: older than the first document that is there. Whatever keeps evidence lets go of
   * the oldest first, so that much may be gone honestly; of the rest none may.
   */
  missing(first: Pick<EvidenceDocument, 'collectedAt' | 'previousSha256'> | null): {
    readonly before: number;
    readonly lost: readonly string[];
  } {
    let before = 0;
    const lost: string[] = [];
    for (const { sha256, seq, at, isExact } of this.#named.values()) {
      const isLink = first !== null && sha256 === first.previousSha256;
      if (first !== null && !isLink && at >= first.collectedAt) {
        lost.push(`event ${seq} of its journal names the collection ${sha256}, told at ${at}, which is not here`);
      } else if (!isLink || isExact) {
        // The one right ahead of the first may have been collected before the period, and told in it.
        before++;
      }
    }
    return { before, lost };
  }
}

function claimOf({ seq, at, ...event }: VerifiedEvent['event']): Claim | null {
  switch (event.kind) {
    case 'compliance-failure': {
      const { evidenceSha256: sha256, evidenceCollectedAt } = event.body;
      return { sha256, seq, at: evidenceCollectedAt, isExact: true };
    }
    case 'compliance-passed':
    case 'compliance-drift':
      return { sha256: event.body.evidenceSha256, seq, at, isExact: false };
    default:
      return null;
  }
}
