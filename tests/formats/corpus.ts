import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const corpusDirectory = join(import.meta.dirname, '../../vectors/corpus');

export interface CorpusFile {
  /** Relative to the corpus. */
  readonly path: string;
  readonly bytes: Uint8Array;
  /** Null: it is accepted. */
  readonly reason: string | null;
}

/** Folders of the corpus: one for each format. */
export function corpusNames(): readonly string[] {
  return readdirSync(corpusDirectory).sort();
}

/** `<format>/valid/<file>` and `<format>/invalid/<reason>/<file>`. */
export function corpusOf(format: string): readonly CorpusFile[] {
  const filesIn = (folder: string, reason: string | null): CorpusFile[] =>
    listed(folder).map((name) => {
      const path = `${folder}/${name}`;
      return { path, bytes: new Uint8Array(readFileSync(join(corpusDirectory, path))), reason };
    });
  const invalid = listed(`${format}/invalid`).flatMap((reason) => filesIn(`${format}/invalid/${reason}`, reason));
  return [...filesIn(`${format}/valid`, null), ...invalid];
}

function listed(folder: string): readonly string[] {
  const path = join(corpusDirectory, folder);
  return existsSync(path) ? readdirSync(path).sort() : [];
}
