import { Floor, Instant, Sha256Hex } from '@nixfleet/contracts';
import { z } from 'zod';
import { ControlPlaneError } from '../errors.ts';
import type { StoredRelease } from './store.ts';

export type Floors = Pick<StoredRelease, 'trust' | 'release' | 'head' | 'missingBrake'>;

const Floors = z.object({
  trust: Floor,
  release: Floor.nullable(),
  head: z.object({ version: z.int().min(1), sha256: Sha256Hex, keyIds: z.array(z.string()) }).nullable(),
  // A store of before knows of none.
  missingBrake: z
    .object({ until: Instant, head: z.int().min(1) })
    .nullable()
    .default(null),
});

/** What the mark `floors` holds, of either dialect. Throws `state-unreadable`: never a reset, or an old release would be new. */
export function floorsOfText(text: string): Floors {
  const floors = Floors.safeParse(parseJson(text));
  if (!floors.success) throw new ControlPlaneError('state-unreadable', `the stored floors: ${floors.error.message}`);
  return floors.data;
}

export function floorsToText({ trust, release, head, missingBrake }: Floors): string {
  return JSON.stringify({ trust, release, head, missingBrake });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
