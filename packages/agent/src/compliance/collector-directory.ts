import { join } from 'node:path';
import {
  CollectionContext,
  CollectionOrder,
  collectionFiles,
  documentBytesMax,
  JournalId,
  type Json,
} from '@nixfleet/contracts';
import type { SignedEvidence } from '@nixfleet/evidence';
import { z } from 'zod';
import type { Files } from '../files.ts';
import { documentsMax } from './collector.ts';

/** Longest signature file, in bytes. */
const signatureBytesMax = 8192;

const archiveDirectory = 'archive';
const archivedName = /^\d{10}\.json$/;
const Place = z.object({ chain: JournalId, sequence: z.int().min(1) });

function placeOf({ bytes }: Pick<SignedEvidence, 'bytes'>): z.infer<typeof Place> | null {
  try {
    return Place.parse(JSON.parse(new TextDecoder().decode(bytes)));
  } catch {
    return null;
  }
}

/** What agent and collector tell each other: files of one directory. */
export class CollectorDirectory {
  readonly #files: Files;
  readonly #directory: string;

  constructor(files: Files, directory: string) {
    this.#files = files;
    this.#directory = directory;
  }

  async newest(): Promise<SignedEvidence | null> {
    const bytes = await this.#files.read(this.#at('evidence'), documentBytesMax.evidence);
    if (bytes === null) return null;
    return { bytes, sig: await this.#text(this.#at('sig')), sshsig: await this.#text(this.#at('sshsig')) };
  }

  /** What is archived, then the newest. Names sort by sequence: `archive/<10 digits>.json`. */
  async documents(
    after: { readonly chain: string; readonly sequence: number } | null,
  ): Promise<readonly SignedEvidence[]> {
    const newest = await this.newest();
    const now = newest && placeOf(newest);
    if (newest === null || now === null) return [];
    const from = after?.chain === now.chain ? after.sequence + 1 : 1;
    const archive = join(this.#directory, archiveDirectory);
    const names = (await this.#files.list(archive)).filter((name) => archivedName.test(name));
    const wanted = names.filter((name) => Number(name.slice(0, 10)) >= from).slice(0, documentsMax);
    const documents: SignedEvidence[] = [];
    for (const name of wanted) {
      const at = join(archive, name);
      const bytes = await this.#files.read(at, documentBytesMax.evidence);
      // A chain that was given up may lie there too.
      if (bytes === null || placeOf({ bytes })?.chain !== now.chain) continue;
      documents.push({ bytes, sig: await this.#text(`${at}.sig`), sshsig: await this.#text(`${at}.sshsig`) });
    }
    if (documents.length < documentsMax && now.sequence >= from) documents.push(newest);
    return documents;
  }

  /** Without a context the one of before goes: it is of another closure. */
  async ask(context: CollectionContext | null, order: CollectionOrder): Promise<void> {
    if (context === null) await this.#files.remove(this.#at('context'));
    else await this.#files.write(this.#at('context'), encoded(CollectionContext.parse(context)));
    await this.#files.write(this.#at('order'), encoded(CollectionOrder.parse(order)));
  }

  async #text(path: string): Promise<string | null> {
    const bytes = await this.#files.read(path, signatureBytesMax);
    return bytes && new TextDecoder().decode(bytes);
  }

  #at(name: keyof typeof collectionFiles): string {
    return join(this.#directory, collectionFiles[name]);
  }
}

function encoded(value: object): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(value as Json)}\n`);
}
