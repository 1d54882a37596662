import { join } from 'node:path';
import { CollectionContext, CollectionOrder, collectionFiles, documentBytesMax, type Json } from '@nixfleet/contracts';
import type { SignedEvidence } from '@nixfleet/evidence';
import type { Files } from '../files.ts';

/** Longest signature file, in bytes. */
const signatureBytesMax = 8192;

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
    return { bytes, sig: await this.#text('sig'), sshsig: await this.#text('sshsig') };
  }

  /** Without a context the one of before goes: it is of another closure. */
  async ask(context: CollectionContext | null, order: CollectionOrder): Promise<void> {
    if (context === null) await this.#files.remove(this.#at('context'));
    else await this.#files.write(this.#at('context'), encoded(CollectionContext.parse(context)));
    await this.#files.write(this.#at('order'), encoded(CollectionOrder.parse(order)));
  }

  async #text(name: 'sig' | 'sshsig'): Promise<string | null> {
    const bytes = await this.#files.read(this.#at(name), signatureBytesMax);
    return bytes && new TextDecoder().decode(bytes);
  }

  #at(name: keyof typeof collectionFiles): string {
    return join(this.#directory, collectionFiles[name]);
  }
}

function encoded(value: object): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(value as Json)}\n`);
}
