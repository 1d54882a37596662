import type { ClientBase } from 'pg';
import type { PostgresDatabase } from './postgres-database.ts';
import type { DecisionTerm, MemberId, MemberStanding, SharedStanding, SharedState } from './store.ts';

/** Of `NOTIFY`. Hints alone go through it: what counts is read from the tables. */
const channel = 'nixfleet';

/** Inside a transaction: the others are told once it is committed. */
export async function hint(client: ClientBase, member: MemberId): Promise<void> {
  await client.query('SELECT pg_notify($1, $2)', [channel, member]);
}

/** Inside a turn: under which leadership decisions are appended now. */
export async function epochInTurn(client: ClientBase): Promise<number> {
  const { rows } = await client.query<{ epoch: number }>('SELECT epoch FROM leadership');
  return rows[0]?.epoch ?? 0;
}

interface StandingRow {
  readonly position: number | null;
  readonly epoch: number;
  readonly leader: string | null;
  readonly release: string | null;
}

/** Members and leadership, in two small tables. */
export class PostgresShared implements SharedState {
  readonly member: MemberId;
  readonly #database: PostgresDatabase;

  constructor(database: PostgresDatabase, member: MemberId) {
    this.#database = database;
    this.member = member;
  }

  async beat(contacts: { readonly version: number; readonly text: string } | null): Promise<void> {
    const doing = 'telling the other control planes';
    if (contacts === null) {
      const sql = `INSERT INTO members VALUES ($1, 1, 0, '[]') ON CONFLICT (id) DO UPDATE SET beat = members.beat + 1`;
      await this.#database.query(doing, sql, [this.member]);
      return;
    }
    await this.#database.query(
      doing,
      `WITH told AS (
         INSERT INTO members VALUES ($1, 1, $2, $3)
           ON CONFLICT (id) DO UPDATE SET beat = members.beat + 1, version = excluded.version, contacts = excluded.contacts
         RETURNING id
       ) SELECT pg_notify($4, id) FROM told`,
      [this.member, contacts.version, contacts.text, channel],
    );
  }

  async standing(): Promise<SharedStanding> {
    return this.#database.atOneMoment('asking for the other control planes', async (client) => {
      const { rows: members } = await client.query<MemberStanding>('SELECT id, beat, version FROM members ORDER BY id');
      const { rows } = await client.query<StandingRow>(
        `SELECT (SELECT max(position) FROM log) AS position, epoch, leader,
                (SELECT value FROM marks WHERE name = 'release-change') AS release
           FROM leadership`,
      );
      const [change = '0', writer = null] = rows[0]?.release?.split(' ') ?? [];
      return {
        position: rows[0]?.position ?? 0,
        epoch: rows[0]?.epoch ?? 0,
        leader: rows[0]?.leader ?? null,
        members,
        release: { change: Number(change), writer },
      };
    });
  }

  async contactsOf(members: readonly MemberId[]): Promise<ReadonlyMap<MemberId, string>> {
    const rows = await this.#database.query<{ id: string; contacts: string }>(
      'reading who is in contact with the other control planes',
      'SELECT id, contacts FROM members WHERE id = ANY ($1::text[])',
      [members],
    );
    return new Map(rows.map(({ id, contacts }) => [id, contacts]));
  }

  async claim({ epoch, leader, beat }: Parameters<SharedState['claim']>[0]): Promise<DecisionTerm | null> {
    return this.#database.inTurn('becoming the control plane that leads', async (client) => {
      const { rows } = await client.query<{ epoch: number }>(
        `UPDATE leadership SET epoch = epoch + 1, leader = $1
          WHERE epoch = $2 AND leader IS NOT DISTINCT FROM $3
            AND (SELECT beat FROM members WHERE id = leader) IS NOT DISTINCT FROM $4::bigint
          RETURNING epoch`,
        [this.member, epoch, leader, beat],
      );
      if (!rows[0]) return null;
      await hint(client, this.member);
      return { epoch: rows[0].epoch };
    });
  }

  async remove(member: MemberId, beat: number): Promise<void> {
    const sql = 'DELETE FROM members WHERE id = $1 AND beat = $2';
    await this.#database.query('removing a control plane that is gone', sql, [member, beat]);
  }

  async leave(): Promise<void> {
    await this.#database.inTurn('leaving the other control planes', async (client) => {
      await client.query('DELETE FROM members WHERE id = $1', [this.member]);
      await client.query('UPDATE leadership SET leader = NULL WHERE leader = $1', [this.member]);
      await hint(client, this.member);
    });
  }

  /** One connection of its own, opened once. */
  listen(onHint: () => void, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    const client = this.#database.listener();
    const end = (): void => {
      signal.removeEventListener('abort', end);
      client.end().catch(() => {});
      resolve();
    };
    client.on('error', end);
    client.on('end', end);
    client.on('notification', ({ payload }) => {
      if (payload !== this.member) onHint();
    });
    signal.addEventListener('abort', end, { once: true });
    client
      .connect()
      .then(() => client.query(`LISTEN ${channel}`))
      // Something may have changed before it listened.
      .then(onHint, end);
    return promise;
  }
}
