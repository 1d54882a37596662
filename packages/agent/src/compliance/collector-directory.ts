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
import { archiveDirectory, parseArchiveName } from './archive-name.ts';
import { documentsMax } from './collector.ts';

/** Longest signature file, in bytes. */
const signatureBytesMax = 8192;

const Chained = z.object({ chain: JournalId });

function chainOf({ bytes }: Pick<SignedEvidence, 'bytes'>): JournalId | null {
  try {
    return Chained.parse(JSON.parse(new TextDecoder().decode(bytes))).chain;
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

  /** Of the newest document's chain. */
  async documents(
    after: { readonly chain: string; readonly sequence: number } | null,
  ): Promise<readonly SignedEvidence[]> {
    const newest = await this.newest();
    const chain = newest && chainOf(newest);
    if (newest === null || chain === null) return [];
    const from = after?.chain === chain ? after.sequence + 1 : 1;
    const archive = join(this.#directory, archiveDirectory);
    const documents: SignedEvidence[] = [];
    for (const name of await this.#files.list(archive)) {
      const place = parseArchiveName(name);
      if (place === null || !place.isOf(chain) || place.sequence < from) continue;
      const at = join(archive, name);
      const bytes = await this.#files.read(at, documentBytesMax.evidence);
      if (bytes === null) continue;
      documents.push({ bytes, sig: await this.#text(`${at}.sig`), sshsig: await this.#text(`${at}.sshsig`) });
      if (documents.length === documentsMax) break;
    }
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
