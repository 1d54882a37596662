/** The numbers of INVARIANTS.md that are judged while a run goes on. */
export type Invariant =
  | 'S1'
  | 'S2'
  | 'S3'
  | 'S4'
  | 'S5'
  | 'S6'
  | 'S7'
  | 'S8'
  | 'S9'
  | 'S10'
  | 'S11'
  | 'S12'
  | 'S13'
  | 'S15'
  | 'S16'
  | 'S17'
  | 'S18'
  | 'S19'
  | 'S20';

export interface Breach {
  readonly invariant: Invariant;
  readonly text: string;
  /** Hosts that it concerns beside the one that was judged. */
  readonly others: readonly string[];
}

/** What was broken; null: nothing. */
export type Broken = Breach | null;

export function broken(invariant: Invariant, text: string, others: readonly string[] = []): Breach {
  return { invariant, text, others };
}
