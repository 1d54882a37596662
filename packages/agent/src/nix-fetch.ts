import type { Clock } from '@nixfleet/contracts';
import { type FetchBounds, type FetchProgress, NixLog } from './nix-log.ts';
import type { CommandResult } from './run-command.ts';

/** A fetch of which in this time not even `stalledBytes` came, nor a path or two, is given up, in milliseconds. */
export const stalledMsDefault = 15 * 60_000;
const stalledBytes = 64 * 1024;

/** Options of a command that fetches: what it prints is for `NixLog`. */
export const logOptions = ['--log-format', 'internal-json'] as const;

export interface Watch {
  readonly bounds: FetchBounds;
  readonly clock: Clock;
  readonly stalledMs: number;
  readonly onProgress?: (progress: FetchProgress) => void;
}

/** Why a fetch was ended before its time, in one line for people; null: it came to an end by itself. */
export type Watched = CommandResult & { readonly excess: string | null };

/**
 * Runs a command that fetches, and ends it as soon as a cache sends more than it may or keeps it waiting. `run` ends the
 * command when its signal aborts, and hands everything that it prints on standard error to `prose`.
 */
export async function watched(
  run: (options: {
    readonly cut: AbortSignal;
    readonly prose: (chunk: Buffer) => Uint8Array;
  }) => Promise<CommandResult>,
  { bounds, clock, stalledMs, onProgress = () => {} }: Watch,
): Promise<Watched> {
  let excess: string | null = null;
  const cut = new AbortController();
  const over = new AbortController();
  const end = (detail: string): void => {
    excess ??= detail;
    cut.abort();
  };
  const log = new NixLog(onProgress, { bounds, onExcess: end });
  untilStalled(log, { clock, stalledMs, signal: over.signal }).then(
    () => end(`less than ${stalledBytes} bytes came in ${Math.round(stalledMs / 1000)} s`),
    () => {},
  );
  try {
    const result = await run({ cut: cut.signal, prose: (chunk) => log.take(chunk) });
    return { ...result, excess };
  } finally {
    over.abort();
  }
}

/** Rejects when `signal` aborts. */
async function untilStalled(
  log: NixLog,
  { clock, stalledMs, signal }: { readonly clock: Clock; readonly stalledMs: number; readonly signal: AbortSignal },
): Promise<void> {
  for (let before = -stalledBytes; log.movedBytes - before >= stalledBytes; ) {
    before = log.movedBytes;
    await clock.sleep(stalledMs, signal);
  }
}
