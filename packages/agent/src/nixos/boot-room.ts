import { readlink, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { BootParts } from '../host.ts';

/** What an installed loader leaves to write its own configuration, in bytes. */
const reservedBytes = 64 * 1024;

export interface BootRoom {
  /** Where the loader is installed; null: unknown, and so is its room. */
  readonly directory: string | null;
  /** Systems whose kernels and initrds the loader has. */
  readonly installed: readonly string[];
  readonly running: string | null;
}

/**
 * Why the boot partition has no room for a system's kernel and initrd, in one line, or null. What is not here yet is taken
 * to be as large as the running system's. Parts that an installed generation has, too, need nothing.
 */
export async function bootShortage(
  parts: BootParts,
  { directory, installed, running }: BootRoom,
): Promise<string | null> {
  const room = directory === null ? null : await statfs(directory).catch(() => null);
  if (directory === null || room === null) return null;
  let neededBytes = 0;
  for (const name of ['kernel', 'initrd'] as const) {
    const part = parts[name];
    if (part === null || (await isInstalled(name, part, installed))) continue;
    const size = (await sizeOf(part)) ?? (running === null ? null : await sizeOf(join(running, name))) ?? 0;
    neededBytes += Math.ceil(size / room.bsize) * room.bsize;
  }
  const freeBytes = room.bavail * room.bsize;
  if (freeBytes >= neededBytes + reservedBytes) return null;
  const kib = (bytes: number): number => Math.ceil(bytes / 1024);
  return `the boot partition at ${directory} needs ${kib(neededBytes + reservedBytes)} KiB and has ${kib(freeBytes)} KiB free: remove old generations`;
}

async function isInstalled(name: string, part: string, systems: readonly string[]): Promise<boolean> {
  for (const system of systems) if ((await readlink(join(system, name)).catch(() => null)) === part) return true;
  return false;
}

async function sizeOf(path: string): Promise<number | null> {
  const found = await stat(path).catch(() => null);
  return found?.isFile() ? found.size : null;
}
