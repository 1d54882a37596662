import type { Clock } from '@nixfleet/contracts';
import type { Terminal } from './terminal.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** The world of a command. */
export interface CommandContext {
  readonly terminal: Terminal;
  readonly environment: Environment;
  /** Relative paths on the command line start here. */
  readonly workingDirectory: string;
  readonly clock: Clock;
  /** Aborted by SIGINT or SIGTERM. */
  readonly signal: AbortSignal;
}
