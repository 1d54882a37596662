import {
  documentBytesMax,
  type HostName,
  type Instant,
  type Refusal,
  type RolloutId,
  refuse,
  rolloutPath,
  trialOf,
  type VerifiedFleet,
  type VerifiedRelease,
  type VerifiedTrial,
  type VerifyContext,
  verifyTrial,
} from '@nixfleet/contracts';
import type { Fetched } from './document-source.ts';

/** This host's trial under a release; null where it names none that has not run out. */
export async function readTrial(
  {
    ctx,
    release,
    fleet,
    host,
    now,
  }: {
    readonly ctx: VerifyContext;
    readonly release: VerifiedRelease;
    readonly fleet: VerifiedFleet;
    readonly host: HostName;
    readonly now: Instant;
  },
  read: (path: string, bytesMax: number) => Promise<Fetched>,
): Promise<
  | { readonly ok: true; readonly value: VerifiedTrial }
  | { readonly ok: false; readonly refusal: Refusal; readonly identity: RolloutId }
  | null
> {
  const named = trialOf(release.document, host, now);
  if (named === null) return null;
  const found = await read(rolloutPath(named.rolloutId), Math.min(named.bytes, documentBytesMax.rollout));
  const verified = found.ok
    ? await verifyTrial(ctx, { release, fleet: fleet.document, host, bytes: found.bytes, now })
    : refuse(found.reason === 'oversized' ? 'oversized' : 'missing', found.detail);
  return verified.ok ? verified : { ok: false, refusal: verified, identity: named.rolloutId };
}
