import { type Clock, collectionSecondsMax } from '@nixfleet/contracts';
import { AgentError, messageOf } from '../errors.ts';
import type { Files } from '../files.ts';
import { type CommandResult, runCommand } from '../run-command.ts';
import type { Collected, Collector } from './collector.ts';
import { CollectorDirectory } from './collector-directory.ts';

/** For it to start and to be ended, beyond its own limit, in milliseconds. */
const slackMs = 15_000;
/** Of what it prints, in bytes: a line or two. */
const outputBytesMax = 64 * 1024;

export interface CommandCollectorOptions {
  readonly files: Files;
  readonly clock: Clock;
  /** Where it keeps what it writes. */
  readonly directory: string;
  /** A program that runs one collection and ends: `systemctl start` of a unit of type `oneshot`, or the collector itself. */
  readonly argv: readonly [string, ...string[]];
  readonly environment: Readonly<Record<string, string>>;
  /** How long one collection may take, in seconds; at most, and by default, `collectionSecondsMax`. */
  readonly waitSeconds?: number;
}

/** A collector behind a program whose exit 0 says that it wrote a document. */
export function commandCollector({
  files,
  clock,
  directory,
  argv,
  environment,
  waitSeconds = collectionSecondsMax,
}: CommandCollectorOptions): Collector {
  const lying = new CollectorDirectory(files, directory);
  return {
    newest: () => lying.newest(),
    documents: (after) => lying.documents(after),
    async collect({ context, order }, signal) {
      try {
        await lying.ask(context, order);
      } catch (error) {
        if (!(error instanceof AgentError)) throw error;
        return { ok: false, reason: 'collector-failed', detail: messageOf(error), exitCode: null };
      }
      const limitMs = Math.min(waitSeconds, collectionSecondsMax) * 1000;
      const timeoutMs = limitMs + slackMs;
      const startedMs = clock.monotonicMs();
      const result = await runCommand({ argv, environment, timeoutMs, stdoutBytesMax: outputBytesMax, signal, clock });
      signal.throwIfAborted();
      // A unit ends at its own limit, before ours, and then says no more than that it failed.
      const isLate = clock.monotonicMs() - startedMs >= limitMs;
      return collectedOf(result, { program: argv[0], isLate });
    },
  };
}

function collectedOf(
  { ended, exitCode, output }: CommandResult,
  { program, isLate }: { readonly program: string; readonly isLate: boolean },
): Collected {
  if (ended === 'exit' && exitCode === 0) return { ok: true };
  const detail = `${program}: ${output.excerpt.trim() || `exit ${exitCode ?? output.signal}`}`.slice(-900);
  if (ended === 'not-started') return { ok: false, reason: 'no-collector', detail, exitCode: null };
  return { ok: false, reason: ended === 'timeout' || isLate ? 'timeout' : 'collector-failed', detail, exitCode };
}
