import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { HostName } from '@nixfleet/contracts';
import { z } from 'zod';

const Row = z.object({ host: HostName, body: z.string() });

/** The newest checkpoint of each host's folded view. */
export class HostViewTable {
  readonly #all: StatementSync;
  readonly #save: StatementSync;

  constructor(database: DatabaseSync) {
    this.#all = database.prepare('SELECT host, body FROM host_views');
    this.#save = database.prepare(
      'INSERT INTO host_views VALUES (?, ?) ON CONFLICT (host) DO UPDATE SET body = excluded.body',
    );
  }

  all(): Map<HostName, string> {
    return new Map(
      this.#all.all().map((row) => {
        const { host, body } = Row.parse(row);
        return [host, body];
      }),
    );
  }

  save(host: HostName, body: string): void {
    this.#save.run(host, body);
  }
}
