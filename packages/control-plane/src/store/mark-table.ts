import type { DatabaseSync, StatementSync } from 'node:sqlite';

/** Single values by name: the checkpoint's position, the floors. */
export class MarkTable {
  readonly #get: StatementSync;
  readonly #set: StatementSync;

  constructor(database: DatabaseSync) {
    this.#get = database.prepare('SELECT value FROM marks WHERE name = ?');
    this.#set = database.prepare(
      'INSERT INTO marks VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value',
    );
  }

  get(name: string): string | null {
    const value = this.#get.get(name)?.value;
    return typeof value === 'string' ? value : null;
  }

  set(name: string, value: string): void {
    this.#set.run(name, value);
  }
}
