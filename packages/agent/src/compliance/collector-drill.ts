import { join } from 'node:path';
import { addSeconds, type Clock, collectionFiles, collectionSecondsMax, type Instant } from '@nixfleet/contracts';
import type { EvidenceSignatures } from '@nixfleet/evidence';
import { AgentError } from '../errors.ts';
import type { Files } from '../files.ts';

/** How far beyond its limit a collector goes that has to be stopped, in seconds: the wait of a drill has an end too. */
const overrunSeconds = 60;
/** How old a document claims to be that nobody may believe, in seconds. */
const staleSeconds = 3600;

/** Waits until whoever ordered the collection has given up. Never returns. */
export async function overrun(clock: Clock, signal?: AbortSignal): Promise<never> {
  await clock.sleep((collectionSecondsMax + overrunSeconds) * 1000, signal);
  throw new AgentError('io', 'a drill: the collection took too long, as it was told to');
}

export function staleFrom(collectedAt: Instant): Instant {
  return addSeconds(collectedAt, -staleSeconds);
}

/**
 * Leaves a document that nobody may believe in the place of the newest, and nowhere else: the chain goes on from the last
 * one that is true.
 */
export async function failInTheEnd(
  drill: 'malformed' | 'stale' | 'unsigned',
  {
    files,
    directory,
    bytes,
    signatures: { sig, sshsig },
  }: {
    readonly files: Files;
    readonly directory: string;
    readonly bytes: Uint8Array;
    readonly signatures: EvidenceSignatures;
  },
): Promise<void> {
  const at = (name: keyof typeof collectionFiles): string => join(directory, collectionFiles[name]);
  for (const [name, signature] of [
    ['sig', sig],
    ['sshsig', sshsig],
  ] as const) {
    if (drill === 'unsigned') await files.remove(at(name));
    else await files.write(at(name), new TextEncoder().encode(signature), 'everybody');
  }
  await files.write(
    at('evidence'),
    drill === 'malformed' ? bytes.subarray(0, Math.floor(bytes.length / 2)) : bytes,
    'everybody',
  );
}
