import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  addSeconds,
  type EvidenceUpload,
  EvidenceView,
  type HostName,
  type Instant,
  msToInstant,
  utf8,
  type VerifyContext,
} from '@nixfleet/contracts';
import { EvidenceReader, type HostQuestion, type SignedEvidence, verifyEvidence } from '@nixfleet/evidence';
import type { ControlPlaneReader } from '../control-plane-reader.ts';
import { archiveSuffix, collectionName, writeEvidenceArchive } from '../packet/evidence-archive.ts';
import { packetPorts } from '../packet/packet-ports.ts';
import { journalFrom } from '../verification/fetch-journal.ts';

/** Most days of one fetch, and most documents of one host and day that are taken: one every nine seconds. */
export const fetchDaysMax = 3660;
const dayDocumentsMax = 10_000;
/** Most refusals that are described one by one. */
const refusalsMax = 100;
const daySeconds = 86_400;

/** A document that was sent and is not kept. */
export interface RefusedDocument {
  readonly reason: string;
  readonly detail: string;
}

/** What came of one host. */
export interface FetchedHost {
  readonly host: HostName;
  /** Documents and days that were fetched, and days that were here already. */
  readonly documents: number;
  readonly days: number;
  readonly kept: number;
  readonly refused: readonly RefusedDocument[];
  /** Events of its journal; null where the control plane has none, or it does not verify. */
  readonly events: number | null;
}

export interface FetchDeps {
  readonly ctx: VerifyContext;
  readonly reader: ControlPlaneReader;
  /** Folder of collected evidence, a folder a host in it. */
  readonly directory: string;
  readonly now: () => number;
  readonly signal: AbortSignal;
}

/**
 * Brings the evidence and the journal of one host from a control plane into the folder that `packet create` reads, an archive
 * a day. Nothing is kept that a key of record did not sign: the control plane is a stranger. An archive appears whole or not at
 * all, so a fetch that was interrupted goes on where it was: the newest day that is here is fetched again, and the days before
 * it are whole, because hosts send their oldest documents first.
 */
export async function fetchEvidence(
  { ctx, reader, directory, now, signal }: FetchDeps,
  question: HostQuestion,
): Promise<FetchedHost> {
  const { host, keys, period } = question;
  const folder = join(directory, host);
  await mkdir(folder, { recursive: true });
  const there = (await readdir(folder)).filter((name) => dayPattern.test(name)).sort();
  const newest = there.at(-1) ?? '';
  const refused: RefusedDocument[] = [];
  const refuse = (reason: string, detail: string): void => {
    if (refused.length < refusalsMax) refused.push({ reason, detail });
  };
  const shapes = new EvidenceReader();
  let [documents, days, kept] = [0, 0, 0];

  async function* verified(day: Instant): AsyncGenerator<SignedEvidence & { readonly name: string }> {
    const seen = new Set<string>();
    const span = { from: day, to: addSeconds(day, daySeconds) };
    for await (const upload of documentsOf(reader, host, span, refuse)) {
      signal.throwIfAborted();
      const signed = { bytes: utf8(upload.evidence), sig: upload.sig, sshsig: upload.sshsig };
      const found = await verifyEvidence(ctx, { signed, host, keys, now: msToInstant(now()), reader: shapes });
      if (!found.ok) {
        refuse(found.reason, found.detail);
        continue;
      }
      const { document } = found.value;
      const name = collectionName(document);
      const isAsked = span.from <= document.collectedAt && document.collectedAt < span.to;
      if (!isAsked) refuse('malformed', `${name}: of ${document.collectedAt}, and ${day.slice(0, 10)} was asked for`);
      else if (seen.has(name)) refuse('replayed', `${name}: sent twice`);
      else {
        seen.add(name);
        yield { name, ...signed };
      }
    }
  }

  // Before the documents: it names them, and each that it names has to be there.
  const events = await fetchJournal(question, { ctx, reader, folder, refuse });
  for (const day of daysOf(period)) {
    const file = `${day.slice(0, 10)}${archiveSuffix}`;
    if (there.includes(file) && file < newest) {
      kept++;
      continue;
    }
    const partial = join(folder, `.${file}.partial`);
    try {
      const count = await writeEvidenceArchive(partial, verified(day));
      if (count === 0) continue;
      await rename(partial, join(folder, file));
      documents += count;
      days++;
    } finally {
      await rm(partial, { force: true });
    }
  }
  return { host, documents, days, kept, refused, events };
}

const dayPattern = /^\d{4}-\d\d-\d\d\.tar\.zst$/;

/** The days that a period touches, each by its first instant. */
export function* daysOf({ from, to }: { readonly from: Instant; readonly to: Instant }): Generator<Instant> {
  let day = `${from.slice(0, 10)}T00:00:00Z` as Instant;
  for (let count = 0; day < to && count < fetchDaysMax; count++) {
    yield day;
    day = addSeconds(day, daySeconds);
  }
}

/** Page by page; what is sent beyond the bounds is refused. */
async function* documentsOf(
  reader: ControlPlaneReader,
  host: HostName,
  { from, to }: { readonly from: Instant; readonly to: Instant },
  refuse: (reason: string, detail: string) => void,
): AsyncGenerator<EvidenceUpload> {
  let after: string | null = null;
  for (let count = 0; ; ) {
    const query: URLSearchParams = new URLSearchParams({ from, to, ...(after === null ? {} : { after }) });
    const page: EvidenceView = await reader.patientView(EvidenceView, `/v1/evidence/${host}?${query}`);
    for (const upload of page.evidence) {
      if (++count > dayDocumentsMax)
        return refuse('malformed', `more than ${dayDocumentsMax} documents from ${from} on`);
      yield upload;
    }
    // A place that is where we were, or an empty page, would have us ask for ever.
    if (page.next === null || page.next === after || page.evidence.length === 0) return;
    after = page.next;
  }
}

async function fetchJournal(
  question: HostQuestion,
  {
    ctx,
    reader,
    folder,
    refuse,
  }: {
    readonly ctx: VerifyContext;
    readonly reader: ControlPlaneReader;
    readonly folder: string;
    readonly refuse: (reason: string, detail: string) => void;
  },
): Promise<number | null> {
  const events = await journalFrom(reader, question.host);
  if (events.length === 0) return null;
  const read = await packetPorts(ctx).readJournal(question, events);
  if ('problem' in read) {
    refuse('journal', read.problem);
    return null;
  }
  const partial = join(folder, '.journal.jsonl.partial');
  try {
    await writeFile(partial, events.map((event) => `${JSON.stringify(event)}\n`).join(''));
    await rename(partial, join(folder, 'journal.jsonl'));
  } finally {
    await rm(partial, { force: true });
  }
  return events.length;
}
