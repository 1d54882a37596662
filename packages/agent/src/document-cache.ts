import { join } from 'node:path';
import { parseSignaturePath } from '@nixfleet/contracts';
import { directorySource } from './directory-source.ts';
import type { DocumentSource } from './document-source.ts';
import type { Files } from './files.ts';

/** Kinds of documents that are dropped once nothing current names them. */
const prunedDirectories = ['release', 'fleet', 'rollouts', 'holds', 'reports'] as const;

/** The agent's own copies of accepted documents, laid out as `releases/`; verified anew whenever they are read. */
export class DocumentCache {
  readonly source: DocumentSource;
  readonly #files: Files;
  readonly #directory: string;

  constructor(files: Files, directory: string) {
    this.#files = files;
    this.#directory = directory;
    this.source = directorySource(files, directory, 'own copies');
  }

  /** Writes what is not there yet; what has no name of its own (the head) is written last, over what was there. */
  async put(documents: ReadonlyMap<string, Uint8Array>): Promise<void> {
    const isHead = (path: string): boolean => path.startsWith('head.json');
    for (const [path, bytes] of documents)
      if (!isHead(path)) await this.#files.write(join(this.#directory, path), bytes);
    const heads = [...documents].filter(([path]) => isHead(path));
    if (heads.length === 0) return;
    for (const name of await this.#files.list(this.#directory)) {
      const isOld = isHead(name) && !documents.has(name);
      if (isOld) await this.#files.remove(join(this.#directory, name));
    }
    for (const [path, bytes] of heads) await this.#files.write(join(this.#directory, path), bytes);
  }

  /** Drops what is not one of `current`, signatures with their documents. */
  async prune(current: ReadonlySet<string>): Promise<void> {
    for (const directory of prunedDirectories) {
      for (const name of await this.#files.list(join(this.#directory, directory))) {
        const path = `${directory}/${name}`;
        if (current.has(parseSignaturePath(path)?.path ?? path)) continue;
        await this.#files.remove(join(this.#directory, path));
      }
    }
  }
}
