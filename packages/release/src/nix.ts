import type { Refusal, StorePath, Verified } from '@nixfleet/contracts';
import type { BuildFailure } from './build-failure.ts';
import type { FleetSource } from './fleet-source.ts';
import type { PathInfo } from './path-info.ts';
import type { ReleaseFacts } from './release-facts.ts';

export type NixOutcome<Value> = Verified<Value, 'nix-failed'>;
export type NixFailure = Refusal<'nix-failed'>;

/** What evaluating the fleet's topology yields: nothing of it is checked yet. */
export interface Topology {
  /** The resolved fleet, as the expression has it. */
  readonly resolved: unknown;
  /** Hosts that have a toplevel. */
  readonly hosts: unknown;
  readonly warnings: unknown;
}

export interface EvaluatedHost {
  readonly derivation: StorePath;
  /** Lines for people about the configuration, as the fleet expression has them. */
  readonly warnings: readonly string[];
  /** `compliance.<host>` of the expression, unchecked; null where it has none. */
  readonly compliance: unknown;
}

export interface NixCall {
  readonly signal?: AbortSignal;
  /** Process id of the evaluator or builder, for measuring it. */
  readonly onStart?: (pid: number) => void;
  /** What Nix says meanwhile, line by line. */
  readonly onLine?: (line: string) => void;
}

/**
 * Port to Nix. Expected failures (a fleet that does not evaluate, a build that fails) are values whose detail ends with
 * the tail of what Nix printed; output that makes no sense throws `ReleaseError` `nix`.
 */
export interface Nix {
  /** Folder below which the paths of the store lie; empty for the machine's own store. */
  readonly root: string;
  /** Evaluates everything but the hosts' configurations. */
  topology(source: FleetSource, call?: NixCall): Promise<NixOutcome<Topology>>;
  /** Evaluates one host and writes its derivation to the store. `facts`: what rules about the release are evaluated with. */
  instantiate(
    source: FleetSource,
    host: string,
    call?: NixCall & { readonly facts?: ReleaseFacts | null },
  ): Promise<NixOutcome<EvaluatedHost>>;
  /**
   * Builds or substitutes the `out` outputs, as many as possible even if some fail. One scheduler for all: separate
   * processes that share a dependency would wait for each other's locks, which Nix polls every five seconds. A failure
   * comes with `failures`: which derivations are the cause, and what their builders printed last.
   */
  build(
    derivations: readonly StorePath[],
    options: { readonly buildsMax?: number },
    call?: NixCall,
  ): Promise<NixOutcome<null> & { readonly failures?: readonly BuildFailure[] }>;
  /** Everything that a derivation is built from, itself included. */
  buildRequisites(derivation: StorePath): Promise<NixOutcome<ReadonlySet<string>>>;
  /**
   * The `out` output of what was built, protected from collection by the symbolic link `root`. Builds nothing: fails for
   * a derivation that did not build.
   */
  realise(derivation: StorePath, root: string): Promise<NixOutcome<StorePath>>;
  /**
   * Has the store hold a path with its whole closure, from a substituter if it must, protected by the symbolic link
   * `root`. Builds nothing.
   */
  obtain(path: StorePath, root: string): Promise<NixOutcome<StorePath>>;
  /** The whole runtime closure of a path of the local store, sorted by path. */
  closureInfo(path: StorePath): Promise<NixOutcome<PathInfo[]>>;
  /** Copies whole closures to a store; `url` may name a `secret-key`, so it is never printed. */
  copy(url: string, paths: readonly StorePath[], call?: NixCall): Promise<NixOutcome<null>>;
}
