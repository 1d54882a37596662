import type { AttackLab } from './attack-lab.ts';

/** What an attacker has got hold of. */
export type Loot =
  | 'control plane'
  | 'head key'
  | 'one release signer'
  | 'one root signer'
  | 'cache and its key'
  | 'network'
  | 'clock'
  | 'releases branch'
  | 'one enrolled host'
  | 'nothing';

/** The attacks that The Update Framework names (specification §1.5.2), and one of ours: two documents under one version. */
export type TufName =
  | 'arbitrary installation'
  | 'endless data'
  | 'fast-forward'
  | 'indefinite freeze'
  | 'mix-and-match'
  | 'rollback'
  | 'slow retrieval'
  | 'key compromise'
  | 'equivocation';

/** One attack on a real agent or a real control plane, and a row of the table in docs/security.md. */
export interface Attack {
  /** What is done, as a clause: the name of the test. */
  readonly title: string;
  readonly owns: readonly Loot[];
  readonly tuf?: TufName;
  readonly refusedBy: 'agent' | 'control plane';
  /** The typed reason that must be given, as `<what>: <reason>`; several with `, ` between them. */
  readonly reason: string;
  /** Does it, and returns the reason that was given. */
  readonly attempt: (lab: AttackLab) => Promise<string>;
}
