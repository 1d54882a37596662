import type { Invariant } from './rule.ts';
import type { SceneName } from './scenes.ts';

/** One gate or check switched off: an exact text of one product source, and what takes its place. */
export interface Mutation {
  readonly name: string;
  /** Inside `packages/`. */
  readonly file: string;
  readonly from: string;
  readonly to: string;
  /** Where it must be noticed; absent: in one of so many random runs. */
  readonly scene?: SceneName;
  /** Where else it must be noticed: the same check holds against others there. */
  readonly alsoIn?: readonly SceneName[];
  /** Places of `gateSites` that it switches off. */
  readonly gates?: readonly string[];
  /** What the simulation must find broken; several where more than one follows from it. */
  readonly breaks: readonly Invariant[];
}
