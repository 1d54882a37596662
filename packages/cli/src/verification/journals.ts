import {
  type DocumentRefusalCode,
  eventsMax,
  type HostName,
  isSignedBy,
  type JournalEvent,
  type JournalPosition,
  keyIdOf,
  type Refusal,
  readEvent,
  refuse,
  type SignedEvent,
  type VerifiedEvent,
  type VerifiedFleet,
  type VerifyContext,
  verifyEvents,
} from '@nixfleet/contracts';
import { plural } from '../render/plural.ts';
import type { VerificationStep } from './report.ts';

export interface VerifiedJournals {
  readonly host: HostName;
  readonly events: readonly VerifiedEvent[];
}

interface Epoch {
  readonly first: JournalEvent;
  readonly events: SignedEvent[];
}

/**
 * The journals of one host, in the order given: chain and every signature, against the keys that the verified fleet
 * declares for it. A journal that does not begin with its first event is checked from the place it claims, and the
 * statement says so: what came before is not proven to be there.
 */
export async function verifyJournals(
  ctx: VerifyContext,
  fleet: Pick<VerifiedFleet, 'hostKeys'>,
  signed: readonly SignedEvent[],
  steps: VerificationStep[],
): Promise<{ readonly ok: true; readonly value: VerifiedJournals } | Refusal<DocumentRefusalCode>> {
  const epochs = await splitEpochs(ctx, signed);
  if (!epochs.ok) return epochs;
  const [opening] = epochs.value;
  if (!opening) return refuse('missing', 'there are no events');
  const { host } = opening.first;
  const keys = fleet.hostKeys(host);
  if (keys.length === 0) return refuse('unknown-host', `host ${host}: not in the fleet of this release`);
  const events: VerifiedEvent[] = [];
  const lastSeqs = new Map<string, number>();
  for (const { first, events: ofEpoch } of epochs.value) {
    const start: JournalPosition | null =
      first.seq === 1 ? null : { journal: first.journal, seq: first.seq - 1, sha256: first.prevSha256 };
    let position = start;
    for (let at = 0; at < ofEpoch.length; at += eventsMax) {
      const piece = ofEpoch.slice(at, at + eventsMax);
      const result = await verifyEvents(ctx, {
        host,
        keys,
        journal: first.journal,
        after: position,
        events: piece,
        signatures: 'every',
      });
      if (!result.ok) return result;
      events.push(...result.value.events);
      position = result.value.position;
    }
    const keyIds = new Set<string>();
    for (const key of keys) {
      const keyId = await keyIdOf(ctx.crypto, key);
      for (const event of [ofEpoch[0], ofEpoch.at(-1)])
        if (event && (await isSignedBy(ctx, [key], event))) keyIds.add(keyId);
    }
    lastSeqs.set(first.journal, position?.seq ?? 0);
    const before = first.kind === 'journal-started' ? first.body.previous : undefined;
    const had = before && lastSeqs.get(before.journal);
    if (before && had !== undefined && had < before.seq) {
      const detail = `journal ${before.journal} ends with event ${had}, and its host had written event ${before.seq}`;
      return refuse('chain-gap', detail);
    }
    const from =
      start === null ? 'from its first event on' : `from event ${first.seq} on (what came before is not here)`;
    steps.push({
      document: `journal ${first.journal}`,
      sha256: position?.sha256 ?? null,
      statement:
        `${plural(ofEpoch.length, 'event')} of host ${host}, ${from}: each names the hash of the one before, ` +
        `and each is signed by a key that the fleet declares for ${host}; last is event ${position?.seq ?? 0}`,
      signers: [host],
      keyIds: [...keyIds],
    });
  }
  return { ok: true, value: { host, events } };
}

async function splitEpochs(
  ctx: VerifyContext,
  signed: readonly SignedEvent[],
): Promise<{ readonly ok: true; readonly value: readonly Epoch[] } | Refusal<DocumentRefusalCode>> {
  const epochs: Epoch[] = [];
  for (const [i, event] of signed.entries()) {
    const journal = journalOf(event.event);
    const last = epochs.at(-1);
    if (last && last.first.journal === journal) {
      last.events.push(event);
      continue;
    }
    const read = await readEvent(ctx, event);
    if (!read.ok) return refuse(read.reason, `event ${i + 1} of the file: ${read.detail}`);
    epochs.push({ first: read.value.event, events: [event] });
  }
  return { ok: true, value: epochs };
}

/** Only for grouping: `verifyEvents` reads the text again, strictly. Bodies may name another journal. */
function journalOf(text: string): string | null {
  try {
    const event: unknown = JSON.parse(text);
    const isObject = typeof event === 'object' && event !== null;
    return isObject && 'journal' in event && typeof event.journal === 'string' ? event.journal : null;
  } catch {
    return null;
  }
}
