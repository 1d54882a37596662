import type { Clock } from '@nixfleet/contracts';
import { type CommandResult, runCommand } from '../run-command.ts';

/** Longest answer of launchd that is waited for, in milliseconds: ending a job takes as long as its ExitTimeOut. */
const answerMsMax = 60_000;
const stdoutBytesMax = 1024 * 1024;

/** The few things that the backend asks of launchd. Jobs are started by the dead man's script, which needs them too. */
export class Launchd {
  readonly #path: string;
  readonly #clock: Clock;

  constructor(options: { readonly path: string; readonly clock: Clock }) {
    this.#path = options.path;
    this.#clock = options.clock;
  }

  /** A loaded job that has ended is not running. Apple promises no form of this output; this line is as old as the command. */
  async isRunning(label: string): Promise<boolean> {
    const shown = await this.run(['launchctl', 'print', `system/${label}`]);
    return shown.exitCode === 0 && /^\s*state = running$/m.test(shown.stdout);
  }

  /** Ends a job with all its processes, and forgets it. */
  async remove(label: string): Promise<void> {
    await this.run(['launchctl', 'bootout', `system/${label}`]);
  }

  /** One of the system's own programs, or a script that starts a job. */
  run(argv: readonly [string, ...string[]], timeoutMs = answerMsMax): Promise<CommandResult> {
    return runCommand({
      argv,
      environment: { PATH: this.#path, LC_ALL: 'C' },
      timeoutMs,
      stdoutBytesMax,
      directory: '/',
      clock: this.#clock,
    });
  }
}
