import { randomBytes } from 'node:crypto';
import type { Random } from '@nixfleet/contracts';

/** The machine's randomness. */
export const systemRandom: Random = {
  bytes: (length) => new Uint8Array(randomBytes(length)),
  uniform: () => Math.random(),
};
