import { stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import type { CommandValues } from '../command-values.ts';
import { HostPool, workersMax } from './host-pool.ts';
import type { HostTask } from './host-work.ts';
import { filesOf } from './open-packet.ts';

/** Bytes from which on threads are worth their start. A packet is some fifty times smaller than what is in it. */
const threadedBytesMin = 1024 * 1024;
/** How often progress is told, in milliseconds. */
const progressIntervalMs = 2000;

const said: Readonly<Record<HostTask['kind'], string>> = { archive: 'packed', verify: 'verified' };

/** As many threads as `--jobs` says, or as there are cores; none where there is little to do. */
export async function openPool(
  { clock, signal, terminal }: CommandContext,
  values: CommandValues,
  /** Folders or files that will be read. */
  paths: readonly string[],
): Promise<HostPool> {
  const asked = values.text('jobs');
  if (asked !== undefined && !(/^\d{1,2}$/.test(asked) && Number(asked) >= 1 && Number(asked) <= workersMax)) {
    throw new CliError('usage', `--jobs '${asked}'`, `expected a number from 1 to ${workersMax}`);
  }
  const cores = Math.min(availableParallelism(), workersMax);
  let bytes = 0;
  for (const path of paths) if (bytes < threadedBytesMin) bytes += await bytesUpTo(path);
  let toldAt = clock.now();
  return new HostPool({
    workers: asked === undefined ? (bytes < threadedBytesMin ? 0 : cores) : Number(asked),
    signal,
    onDone(kind, done, total) {
      if (clock.now() - toldAt < progressIntervalMs) return;
      toldAt = clock.now();
      terminal.talk(`${said[kind]} ${done} of ${total} hosts`);
    },
  });
}

/** Bytes of the files of a folder, or of a file; counting ends at what is worth threads. */
async function bytesUpTo(path: string): Promise<number> {
  const found = await stat(path).catch(() => null);
  if (found === null || !found.isDirectory()) return found?.size ?? 0;
  let bytes = 0;
  for (const name of await filesOf(path)) {
    bytes += (await stat(join(path, name))).size;
    if (bytes >= threadedBytesMin) break;
  }
  return bytes;
}
