import { join } from 'node:path';
import { CollectionContext, CollectionOrder, collectionFiles, type Json } from '@nixfleet/contracts';
import type { SignedEvidence } from '@nixfleet/evidence';
import type { Files } from '../files.ts';
import { archiveDirectory, archivedAt, namesOfChain } from './archive-name.ts';
import { documentsMax } from './collector.ts';
import { chainOf, readEvidence } from './kept-evidence.ts';

/** What agent and collector tell each other: files of one directory. */
export class CollectorDirectory {
  readonly #files: Files;
  readonly #directory: string;

  constructor(files: Files, directory: string) {
    this.#files = files;
    this.#directory = directory;
  }

  async newest(): Promise<SignedEvidence | null> {
    return readEvidence(this.#files, {
      evidence: this.#at('evidence'),
      sig: this.#at('sig'),
      sshsig: this.#at('sshsig'),
    });
  }

  /** Of the newest document's chain. */
  async documents(
    after: { readonly chain: string; readonly sequence: number } | null,
  ): Promise<readonly SignedEvidence[]> {
    const newest = await this.newest();
    const chain = newest && chainOf(newest);
    if (chain === null) return [];
    const from = after?.chain === chain ? after.sequence + 1 : 1;
    const archive = join(this.#directory, archiveDirectory);
    const documents: SignedEvidence[] = [];
    for (const { name, sequence } of namesOfChain(await this.#files.list(archive), chain)) {
      if (sequence < from) continue;
      const document = await readEvidence(this.#files, archivedAt(join(archive, name)));
      if (document) documents.push(document);
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

  #at(name: keyof typeof collectionFiles): string {
    return join(this.#directory, collectionFiles[name]);
  }
}

function encoded(value: object): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(value as Json)}\n`);
}
