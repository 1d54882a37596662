import {
  addSeconds,
  bodyBytesMax,
  type EvidenceReceipt,
  EvidenceUpload,
  type EvidenceView,
  HostName,
  Instant,
  JournalId,
  parseMessage,
  utf8,
} from '@nixfleet/contracts';
import { verifyEvidence } from '@nixfleet/evidence';
import type { Log } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import type { ReleaseIntake } from '../release/release-intake.ts';
import type { EvidenceEntry, EvidencePlace, Store } from '../store/store.ts';
import { type ApiRequest, type ApiResponse, errorResponse, jsonResponse } from './message.ts';
import type { TokenBuckets } from './token-buckets.ts';

/** Most documents that one page reads, whatever their size. */
const pageEntriesMax = 100;
/** Room kept for the frame of a page, in bytes. */
const frameBytes = 4096;
const anyTime = { from: '2000-01-01T00:00:00Z' as Instant, to: '2999-12-31T23:59:59Z' as Instant };

/** How long and how much is kept of each host; the oldest goes first. */
export interface EvidenceLimits {
  readonly days: number;
  /** Of compressed documents. */
  readonly hostBytesMax: number;
}

/** Two years, as the strictest frameworks ask; an hourly document of a whole catalogue takes about 10 KB. */
export const defaultEvidenceLimits: EvidenceLimits = { days: 730, hostBytesMax: 256 * 1024 * 1024 };

export interface EvidenceDeps {
  readonly intake: ReleaseIntake;
  readonly store: Store;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly limits: EvidenceLimits;
  /** Tokens are bytes of request bodies. */
  readonly bytesRate: TokenBuckets;
}

/**
 * A host's own evidence, signed by a key that the newest release declares for it: kept as received and handed out as
 * received. What it says decides nothing here: promotion reads the journal.
 */
export async function postEvidence(deps: EvidenceDeps, host: HostName, request: ApiRequest): Promise<ApiResponse> {
  const { intake, store, metrics, log, limits } = deps;
  const parsed = parseMessage(EvidenceUpload, request.body);
  if (!parsed.ok) return errorResponse('malformed', parsed.detail);
  if (!deps.bytesRate.take(host, request.body.length)) {
    return errorResponse('rate-limited', 'too much evidence: send the rest later', { retryAfterSeconds: 60 });
  }
  const now = intake.now();
  const { evidence, sig, sshsig } = parsed.value;
  const keys = (intake.current?.fleet.hostKeys(host) ?? []).map((key) => ({ key, from: anyTime.from, until: null }));
  const verified = await verifyEvidence(intake.ctx, {
    signed: { bytes: utf8(evidence), sig, sshsig },
    host,
    keys,
    now,
  });
  if (!verified.ok) {
    metrics.batchesRefused.inc({ reason: 'bad-evidence' });
    log.warn({ host, reason: verified.reason, detail: verified.detail }, 'evidence refused');
    return errorResponse('bad-evidence', `${verified.reason}: ${verified.detail}`);
  }
  const { document, sha256 } = verified.value;
  const { chain, sequence, collectedAt } = document;
  const entry: EvidenceEntry = { host, chain, sequence, sha256, collectedAt, receivedAt: now, evidence, sig, sshsig };
  const keepFrom = addSeconds(now, -limits.days * 86_400);
  const outcome = await store.putEvidence(entry, { keepFrom, hostBytesMax: limits.hostBytesMax });
  if (outcome === 'conflict') {
    log.warn({ host, chain, sequence, sha256 }, 'two documents of evidence for one place');
    return errorResponse('fork', `another document is stored as evidence ${sequence} of this chain`);
  }
  const receipt: EvidenceReceipt = { stored: { chain, sequence, sha256 } };
  return jsonResponse(JSON.stringify(receipt));
}

/**
 * `?from=<instant>&to=<instant>&after=<collectedAt>/<chain>/<sequence>`: documents of one host, oldest first, a page at a time;
 * `?newest=1`: the newest alone.
 */
export async function getEvidence({ store }: EvidenceDeps, name: string, queryText: string): Promise<ApiResponse> {
  const query = new URLSearchParams(queryText);
  const host = HostName.safeParse(name);
  const from = Instant.safeParse(query.get('from') ?? anyTime.from);
  const to = Instant.safeParse(query.get('to') ?? anyTime.to);
  const after = placeOf(query.get('after'));
  if (!host.success || !from.success || !to.success || after === undefined) {
    return errorResponse(
      'malformed',
      'expected from and to to be instants, and after the place that a page named as next',
    );
  }
  const range = { host: host.data, from: from.data, to: to.data };
  const newest = query.get('newest');
  if (newest !== null) {
    if (newest !== '1' || query.has('after')) return errorResponse('malformed', 'expected newest=1, without after');
    const found = await store.readEvidence({ ...range, after: null, limit: 1, order: 'newest' });
    return jsonResponse(JSON.stringify({ evidence: found.map(uploadOf), next: null } satisfies EvidenceView));
  }
  const entries = await store.readEvidence({ ...range, after, limit: pageEntriesMax, order: 'oldest' });
  const page: EvidenceEntry[] = [];
  let bytes = frameBytes;
  for (const entry of entries) {
    bytes += Buffer.byteLength(JSON.stringify(uploadOf(entry))) + 1;
    // One document always goes out, or a reader would never come past a large one.
    if (page.length > 0 && bytes > bodyBytesMax) break;
    page.push(entry);
  }
  const isMore = page.length < entries.length || entries.length === pageEntriesMax;
  const last = page.at(-1);
  const view: EvidenceView = {
    evidence: page.map(uploadOf),
    next: isMore && last ? `${last.collectedAt}/${last.chain}/${last.sequence}` : null,
  };
  return jsonResponse(JSON.stringify(view));
}

function uploadOf({ evidence, sig, sshsig }: EvidenceEntry): EvidenceUpload {
  return { evidence, sig, sshsig };
}

/** Null: from the first on. Undefined: not a place. */
function placeOf(text: string | null): EvidencePlace | null | undefined {
  if (text === null) return null;
  const [at, chain, sequence, ...rest] = text.split('/');
  const collectedAt = Instant.safeParse(at);
  const named = JournalId.safeParse(chain);
  if (!collectedAt.success || !named.success || rest.length > 0 || !/^[1-9]\d{0,14}$/.test(sequence ?? ''))
    return undefined;
  return { collectedAt: collectedAt.data, chain: named.data, sequence: Number(sequence) };
}
