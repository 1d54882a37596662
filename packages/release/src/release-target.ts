import type { ReleaseOutcome } from './release-refusal.ts';
import type { ReleaseTree, TreeChange } from './release-tree.ts';

/** A place where releases are published. */
export interface ReleaseTarget {
  /** For people. */
  readonly name: string;
  /** What is published now. `revision` is null before the first publication. */
  snapshot(): Promise<{ readonly tree: ReleaseTree; readonly revision: string | null }>;
  /**
   * Publishes the whole change in one step, if what is published is still `expected`; else `lost-race`. Killed at any
   * moment, either everything of it is there or nothing that a reader follows.
   */
  publish(input: {
    readonly change: TreeChange;
    readonly expected: string | null;
    /** Where the target keeps a history: why. */
    readonly message: string;
  }): Promise<ReleaseOutcome<{ readonly revision: string }>>;
}
