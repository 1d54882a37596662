import { ControlPlaneError } from '../errors.ts';
import type { AppendOutcome, DecisionTerm, LogEntry } from './store.ts';

/** Most entries in one commit; the rest goes into the next one. */
const commitEntriesMax = 20_000;

export interface WantedAppend {
  readonly entries: readonly LogEntry[];
  readonly term: DecisionTerm | null;
}

/** One outcome an append, in their order. Throws if nothing of the group was stored. */
export type CommitGroup = (
  group: readonly WantedAppend[],
) => readonly AppendOutcome[] | Promise<readonly AppendOutcome[]>;

interface PendingAppend extends WantedAppend {
  readonly resolve: (outcome: AppendOutcome) => void;
  readonly reject: (error: unknown) => void;
}

/** Appends that are ready at the same moment share one commit: the price of making them durable is paid once. */
export class GroupCommit {
  readonly #nextTurn: () => Promise<void>;
  readonly #commit: CommitGroup;
  #pending: PendingAppend[] = [];
  #flushing: Promise<void> | null = null;

  constructor(nextTurn: () => Promise<void>, commit: CommitGroup) {
    this.#nextTurn = nextTurn;
    this.#commit = commit;
  }

  append(entries: readonly LogEntry[], term: DecisionTerm | null): Promise<AppendOutcome> {
    const outcome = new Promise<AppendOutcome>((resolve, reject) => {
      this.#pending.push({ entries, term, resolve, reject });
    });
    this.#flushing ??= this.#flush();
    return outcome;
  }

  /** What was asked for before is committed, or has failed. */
  async idle(): Promise<void> {
    await this.#flushing;
  }

  async #flush(): Promise<void> {
    await this.#nextTurn();
    while (this.#pending.length > 0) {
      const group = this.#takeGroup();
      try {
        const committed = this.#commit(group);
        settle(group, committed instanceof Promise ? await committed : committed);
      } catch (error) {
        for (const { reject } of group) reject(error);
      }
      // Lets those answer who were waiting, before the disk is asked again.
      if (this.#pending.length > 0) await this.#nextTurn();
    }
    this.#flushing = null;
  }

  #takeGroup(): PendingAppend[] {
    let entries = 0;
    let taken = 0;
    for (const append of this.#pending) {
      entries += append.entries.length;
      if (taken > 0 && entries > commitEntriesMax) break;
      taken++;
    }
    return this.#pending.splice(0, taken);
  }
}

function settle(group: readonly PendingAppend[], outcomes: readonly AppendOutcome[]): void {
  for (const [i, { resolve, reject }] of group.entries()) {
    const outcome = outcomes[i];
    if (outcome) resolve(outcome);
    else reject(new ControlPlaneError('store-failed', 'a commit told nothing of an append'));
  }
}
