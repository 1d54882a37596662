/** What makes a machine right or wrong: files from before it boots, and what a person then does on it. */
export interface Setup {
  readonly files?: Readonly<Record<string, string | { readonly text: string; readonly mode: number }>>;
  /** One shell script, run on the machine right before the measurement. What it leaves is there for cases after it. */
  readonly script?: string;
}

/** One rule's measurement, on a machine set right for it and on one set wrong. */
export interface ProbeCase {
  /** The rules of the catalogue that it is a measurement for. */
  readonly rules: readonly string[];
  readonly probe: string;
  readonly args: readonly string[];
  /** On the wrong machine, where it is the question and not the machine that differs. */
  readonly wrongArgs?: readonly string[];
  readonly right: Setup;
  readonly wrong: Setup;
  /** What is wrong on the wrong machine: the kinds of violations, sorted. Never empty. */
  readonly found: readonly [string, ...string[]];
}

/** A measurement that says on a test machine that it has no meaning there, and why that needs a virtual machine. */
export interface VmCase {
  readonly rules: readonly string[];
  readonly probe: string;
  readonly args: readonly string[];
}
