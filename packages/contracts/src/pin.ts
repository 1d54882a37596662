import { z } from 'zod';
import { Reason } from './document.ts';
import { Instant } from './instant.ts';
import { Commit, StorePath } from './names.ts';

const why = { reason: Reason, expiresAt: Instant.optional() };

/** Keeps a host at what one commit builds, or at one closure, while releases go on. */
export const Pin = z.union([z.object({ commit: Commit, ...why }), z.object({ closure: StorePath, ...why })]);
export type Pin = z.infer<typeof Pin>;

/** Pins of a host by scope, narrowest first: `widerPins` are those that a pin with an end hides until then. */
export interface Pinned {
  readonly pin?: Pin | undefined;
  readonly widerPins?: readonly Pin[] | undefined;
}

/** The narrowest pin that has not ended; where all have, the narrowest of them. Null: the host was never pinned. */
export function pinAt({ pin, widerPins = [] }: Pinned, now: Instant): Pin | null {
  const pins = pin ? [pin, ...widerPins] : widerPins;
  return pins.find((one) => !isPinExpired(one, now)) ?? pins[0] ?? null;
}

/** A release made at `expiresAt` or later takes no notice of the pin. */
export function isPinExpired({ expiresAt }: Pin, now: Instant): boolean {
  return expiresAt !== undefined && expiresAt <= now;
}
