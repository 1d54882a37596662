import { z } from 'zod';
import { Reason } from './document.ts';
import { Instant } from './instant.ts';
import { Commit, StorePath } from './names.ts';

const why = { reason: Reason, expiresAt: Instant.optional() };

/** Keeps a host at what one commit builds, or at one closure, while releases go on. */
export const Pin = z.union([z.object({ commit: Commit, ...why }), z.object({ closure: StorePath, ...why })]);
export type Pin = z.infer<typeof Pin>;

/** A release made at `expiresAt` or later takes no notice of the pin. */
export function isPinExpired({ expiresAt }: Pin, now: Instant): boolean {
  return expiresAt !== undefined && expiresAt <= now;
}
