import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { z } from 'zod';

const Row = z.object({ path: z.string(), bytes: z.instanceof(Uint8Array) });

/** The signed files of the newest verified release, byte for byte. */
export class ReleaseFileTable {
  readonly #all: StatementSync;
  readonly #save: StatementSync;
  readonly #paths: StatementSync;
  readonly #remove: StatementSync;

  constructor(database: DatabaseSync) {
    this.#all = database.prepare('SELECT path, bytes FROM release_files');
    this.#save = database.prepare(
      'INSERT INTO release_files VALUES (?, ?) ON CONFLICT (path) DO UPDATE SET bytes = excluded.bytes WHERE bytes <> excluded.bytes',
    );
    this.#paths = database.prepare('SELECT path FROM release_files');
    this.#remove = database.prepare('DELETE FROM release_files WHERE path = ?');
  }

  all(): Map<string, Uint8Array> {
    return new Map(
      this.#all.all().map((row) => {
        const { path, bytes } = Row.parse(row);
        return [path, bytes];
      }),
    );
  }

  replace(files: ReadonlyMap<string, Uint8Array>): void {
    for (const row of this.#paths.all()) {
      if (typeof row.path === 'string' && !files.has(row.path)) this.#remove.run(row.path);
    }
    for (const [path, bytes] of files) this.#save.run(path, bytes);
  }
}
