import { getRandomValues } from 'node:crypto';
import type { Random } from './ports.ts';

/** The kernel's randomness. */
export const systemRandom: Random = {
  bytes: (length) => getRandomValues(new Uint8Array(length)),
  uniform: () => (getRandomValues(new Uint32Array(1))[0] ?? 0) / 2 ** 32,
};
