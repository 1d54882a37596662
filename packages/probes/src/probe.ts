import { type ArgumentSpecs, type ArgumentValues, parseArguments } from './arguments.ts';
import type { Machine } from './machine.ts';

export type Fact = null | boolean | number | string | readonly Fact[] | { readonly [name: string]: Fact };

/** One thing that is not as it has to be. User names are only ever in `user`, addresses of peers in `address`. */
export interface Violation {
  /** What is wrong, of a probe's closed list. */
  readonly what: string;
  /** The setting, file, unit or device. */
  readonly subject?: string;
  readonly user?: string;
  readonly address?: string;
  readonly observed?: string | number | boolean | null;
  readonly expected?: string | number | boolean | null;
}

/**
 * Why a rule has no meaning on this machine.
 * - `container`: a container shares its host's kernel, which is measured on the host.
 * - `no-efi`: it was not started by EFI firmware.
 * - `other-architecture`: the rule is for another processor.
 * - `not-used`: what the rule is about is not there and need not be.
 */
export type NotApplicable = 'container' | 'no-efi' | 'other-architecture' | 'not-used';

/** What a probe found: facts with everything that is wrong, or why there is nothing to find. */
export type Finding =
  | { readonly facts: Readonly<Record<string, Fact>>; readonly violations: readonly Violation[] }
  | { readonly notApplicable: NotApplicable; readonly detail: string };

/** What a fact means, with its unit; the name is the key. */
export type FactSpecs = Readonly<Record<string, string>>;

interface ProbeText<Arguments extends ArgumentSpecs> {
  /** kebab-case: the first argument of `nixfleet-probe`. */
  readonly name: string;
  /** One line: what is measured. */
  readonly summary: string;
  readonly arguments: Arguments;
  readonly facts: FactSpecs;
  /** Every `what` that its violations may have. */
  readonly violations: readonly string[];
  /** What root is needed for; null: any user. */
  readonly root: string | null;
  /** `egress`: it speaks to another machine. Default `none`: at most over loopback. */
  readonly network?: 'egress';
}

/** A probe as the runner and the documentation see it. */
export interface Probe extends ProbeText<ArgumentSpecs> {
  run(machine: Machine, argv: readonly string[]): Promise<Finding>;
}

/** Defines a probe; `measure` gets its arguments parsed. */
export function probe<const Arguments extends ArgumentSpecs>(
  definition: ProbeText<Arguments> & {
    measure(machine: Machine, values: ArgumentValues<Arguments>): Finding | Promise<Finding>;
  },
): Probe {
  const { measure, ...text } = definition;
  return {
    ...text,
    run: async (machine, argv) => measure(machine, parseArguments(text.arguments, argv)),
  };
}
