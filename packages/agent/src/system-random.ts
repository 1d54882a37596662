import { randomBytes, randomInt } from 'node:crypto';
import type { Random } from '@nixfleet/contracts';

/** Steps between 0 and 1 of `uniform`. */
const steps = 2 ** 32;

/** The kernel's randomness. */
export const systemRandom: Random = {
  bytes: (length) => new Uint8Array(randomBytes(length)),
  uniform: () => randomInt(steps) / steps,
};
