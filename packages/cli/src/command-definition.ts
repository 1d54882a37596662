import type { CommandContext } from './command-context.ts';
import type { CommandValues } from './command-values.ts';

export interface ArgumentDefinition {
  readonly name: string;
  readonly description: string;
  readonly isOptional?: boolean;
}

export interface OptionDefinition {
  /** `--json`, or `--config <file>` for one that takes a value. */
  readonly flags: `--${string}`;
  readonly description: string;
  /** May be given several times; every value counts. */
  readonly isRepeatable?: boolean;
}

export interface Example {
  readonly line: string;
  readonly explains: string;
}

/** Returns the exit code. Expected failures are thrown as `CliError`, faults as anything else. */
export type CommandHandler = (context: CommandContext, values: CommandValues) => Promise<ExitCode>;

/**
 * 0 done; 1 failed, or a check that does not hold; 2 the command line or the settings are wrong. Of a packet that verifies:
 * 3 something failed in it, where that was asked; 4 a time in its period has no evidence.
 */
export type ExitCode = 0 | 1 | 2 | 3 | 4;

/** One command, as data: the program, its help and `docs/cli.md` are all built from this. */
export interface CommandDefinition {
  /** The words after `nixfleet`: `rollout show`. */
  readonly name: string;
  readonly summary: string;
  /** Paragraphs for `--help`, past the summary. */
  readonly description: string;
  readonly arguments?: readonly ArgumentDefinition[];
  readonly options?: readonly OptionDefinition[];
  /** What `--json` prints: a schema's name in `docs/schemas/`, or a sentence. */
  readonly json?: { readonly schema: string } | { readonly sentence: string };
  readonly examples: readonly [Example, ...Example[]];
  /** Runs until it is told to stop: an interrupt lets it end by itself, and that is no failure. */
  readonly isService?: boolean;
  /** Loads the command's code, and only that. */
  readonly load: () => Promise<{ readonly run: CommandHandler }>;
}

/** `--config <file>` → `config`. */
export function optionName({ flags }: OptionDefinition): string {
  return flags.slice(2).split(' ', 1)[0] ?? '';
}

export function takesValue({ flags }: OptionDefinition): boolean {
  return flags.includes('<');
}

/** What help and reference say of it. */
export function optionText({ description, isRepeatable }: OptionDefinition): string {
  return isRepeatable ? `${description}; may be repeated` : description;
}

export function jsonShape(json: NonNullable<CommandDefinition['json']>): string {
  return 'schema' in json ? `docs/schemas/${json.schema}.schema.json` : json.sentence;
}
