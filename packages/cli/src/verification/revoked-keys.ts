import { type Instant, isSignedBy, keyIdOf, type VerifiedEvent, type VerifyContext } from '@nixfleet/contracts';
import type { KeyOfRecord } from '@nixfleet/evidence';

/**
 * The first event that only a key signed which releases no longer declared for the host by then; null if there is none. A host
 * writes its journal before a release knows its key, so what a key signed before its first release is not looked at here.
 *
 * An event's time is its signer's word. Whoever has a key that was revoked can date an event back, but not put it before one
 * that the host has written since: no event counts as older than the one before it in the same journal.
 */
export async function revokedKeyProblem(
  ctx: VerifyContext,
  keys: readonly KeyOfRecord[],
  events: readonly VerifiedEvent[],
): Promise<string | null> {
  const ends = keys.flatMap(({ until }) => until ?? []);
  if (ends.length === 0) return null;
  const firstEnd = ends.reduce((left, right) => (left < right ? left : right));
  const spans = await spansOf(ctx, keys);
  const newest = new Map<string, Instant>();
  for (const { event, text, signature } of events) {
    const before = newest.get(event.journal) ?? event.at;
    const at = before > event.at ? before : event.at;
    newest.set(event.journal, at);
    if (at < firstEnd) continue;
    const declared = spans.filter(({ from, until }) => (from === null || from <= at) && (until === null || at < until));
    const inForce = declared.map(({ key }) => key);
    if (!(await isSignedBy(ctx, inForce, { event: text, signature }))) {
      return `event ${event.seq}: signed at ${event.at} by a key that was not declared for ${event.host} any more`;
    }
  }
  return null;
}

/** Spans of keys; the first of each has no beginning. */
async function spansOf(
  ctx: VerifyContext,
  keys: readonly KeyOfRecord[],
): Promise<readonly (Omit<KeyOfRecord, 'from'> & { readonly from: Instant | null })[]> {
  const known = new Set<string>();
  const spans: (Omit<KeyOfRecord, 'from'> & { readonly from: Instant | null })[] = [];
  for (const span of [...keys].sort((left, right) => (left.from < right.from ? -1 : 1))) {
    const keyId = await keyIdOf(ctx.crypto, span.key);
    spans.push({ ...span, from: known.has(keyId) ? span.from : null });
    known.add(keyId);
  }
  return spans;
}
