import { z } from 'zod';
import { FleetName, Sha256Hex } from './names.ts';

/** Features this version of the readers knows. A document that requires any other is refused. */
export const knownFeatures: ReadonlySet<string> = new Set();

/** The fields every signed document and event carries, all of them checked (design §4). */
export function envelope<Type extends string>(type: Type) {
  return {
    type: z.literal(type),
    fleet: FleetName,
    schemaVersion: z.literal(1),
    /** Features a reader must know, or refuse the document. Fields it does not know are otherwise ignored. */
    requires: z.array(z.string().min(1).max(64)).max(16).optional(),
  };
}

/** A document bound by hash: identity and exact size of its bytes. */
export const DocumentRef = z.object({
  sha256: Sha256Hex,
  bytes: z
    .int()
    .min(2)
    .max(64 * 1024 * 1024),
});
export type DocumentRef = z.infer<typeof DocumentRef>;

/** Upper bounds of the received bytes, per kind of document. */
export const documentBytesMax = {
  trust: 256 * 1024,
  head: 64 * 1024,
  release: 1024 * 1024,
  fleet: 16 * 1024 * 1024,
  rollout: 16 * 1024 * 1024,
  hold: 16 * 1024,
  resume: 16 * 1024,
  event: 256 * 1024,
  'static-report': 64 * 1024 * 1024,
  'waiver-register': 16 * 1024 * 1024,
  waiver: 16 * 1024,
  evidence: 512 * 1024,
  drill: 64 * 1024,
} as const;
export type DocumentType = keyof typeof documentBytesMax;

/** Deepest nesting of any document. */
export const documentDepthMax = 24;

/** One line of prose by a person: shown to operators, never interpreted. */
export const Reason = z.string().min(1).max(1000);
