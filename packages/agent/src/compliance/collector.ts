import type { CollectionContext, CollectionOrder, RuntimeGateErrorReason } from '@nixfleet/contracts';
import type { SignedEvidence } from '@nixfleet/evidence';

export type Collected =
  | { readonly ok: true }
  | {
      readonly ok: false;
      readonly reason: Extract<RuntimeGateErrorReason, 'no-collector' | 'timeout' | 'collector-failed'>;
      readonly detail: string;
      /** Null: it did not run to its end. */
      readonly exitCode: number | null;
    };

/** Most documents that are read at once. */
export const documentsMax = 50;

/**
 * Port to what measures the machine: a program of the running closure, apart from the agent, that reads, signs and keeps.
 * What it leaves is verified like anybody's.
 */
export interface Collector {
  /** Its newest document as it lies there; null where there is none. Throws `AgentError` `io` or `oversized`. */
  newest(): Promise<SignedEvidence | null>;
  /**
   * Documents that it still keeps, oldest first, at most `documentsMax`: those of a chain after `after`, or all where that is
   * null or another chain is written now. Throws like `newest`.
   */
  documents(after: { readonly chain: string; readonly sequence: number } | null): Promise<readonly SignedEvidence[]>;
  /** One collection, to its end, bounded by `collectionSecondsMax`. Rejects only when `signal` aborts. */
  collect(
    question: { readonly context: CollectionContext | null; readonly order: CollectionOrder },
    signal: AbortSignal,
  ): Promise<Collected>;
}
