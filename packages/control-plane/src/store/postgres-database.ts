import { Client, type ClientBase, type ClientConfig, Pool, type PoolClient, type QueryResultRow, types } from 'pg';
import { ControlPlaneError } from '../errors.ts';
import type { DatabaseAddress } from './database-url.ts';
import { postgresFault } from './postgres-fault.ts';

/** Connections of one control plane: appends take turns, so more would only wait. One more listens. */
const connectionsMax = 4;
/** Bounds on waiting, in milliseconds: for a connection, for the lock, for one statement, for a transaction that we left open. */
const connectMsMax = 5000;
const lockMsMax = 5000;
const statementMsMax = 15_000;
const idleInTransactionMsMax = 15_000;

/** int8: positions and counters, all far below 2^53. */
const bigintOid = 20;

export interface DatabaseOptions {
  readonly address: DatabaseAddress;
  readonly password?: string;
  /** PEM of the authorities that the server's certificate must come from; the system's if absent. */
  readonly ca?: string;
}

/** Whoever holds it is the only one to append, to lead anew, to store a release or to migrate: commit order is one sequence. */
const turnLock = 0x6e66_6c74;

function clientConfig({ address, password, ca }: DatabaseOptions): ClientConfig {
  const { host, port, database, user, isRemote } = address;
  return {
    host,
    port,
    database,
    user,
    ...(password !== undefined && { password }),
    ssl: isRemote ? { rejectUnauthorized: true, ...(ca !== undefined && { ca }) } : false,
    application_name: 'nixfleet-control-plane',
    connectionTimeoutMillis: connectMsMax,
    lock_timeout: lockMsMax,
    statement_timeout: statementMsMax,
    query_timeout: statementMsMax + lockMsMax,
    idle_in_transaction_session_timeout: idleInTransactionMsMax,
    keepAlive: true,
    types: {
      getTypeParser: ((oid: number, format?: 'text') =>
        oid === bigintOid ? Number : types.getTypeParser(oid, format)) as typeof types.getTypeParser,
    },
  };
}

/** Connections to one database. Every method throws `ControlPlaneError`. */
export class PostgresDatabase implements AsyncDisposable {
  readonly #pool: Pool;
  readonly #config: ClientConfig;

  constructor(options: DatabaseOptions) {
    this.#config = clientConfig(options);
    this.#pool = new Pool({ ...this.#config, max: connectionsMax });
    // An idle connection that breaks: the next query opens another, or says why it cannot.
    this.#pool.on('error', () => {});
  }

  /** For `LISTEN`: not of the pool, not connected yet, without bounds on statements, since it waits for ever. */
  listener(): Client {
    return new Client({ ...this.#config, statement_timeout: 0, query_timeout: 0 });
  }

  async query<Row extends QueryResultRow>(
    doing: string,
    text: string,
    values: readonly unknown[] = [],
  ): Promise<Row[]> {
    try {
      const { rows } = await this.#pool.query<Row>(text, [...values]);
      return rows;
    } catch (error) {
      throw postgresFault(error, doing);
    }
  }

  /** One transaction, alone among all control planes of this database. */
  inTurn<Value>(doing: string, change: (client: ClientBase) => Promise<Value>): Promise<Value> {
    return this.#transaction(doing, `BEGIN; SELECT pg_advisory_xact_lock(${turnLock})`, change);
  }

  /** Several reads of one moment. */
  atOneMoment<Value>(doing: string, read: (client: ClientBase) => Promise<Value>): Promise<Value> {
    return this.#transaction(doing, 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY', read);
  }

  async #transaction<Value>(doing: string, begin: string, act: (client: ClientBase) => Promise<Value>): Promise<Value> {
    let client: PoolClient;
    try {
      client = await this.#pool.connect();
    } catch (error) {
      throw postgresFault(error, doing);
    }
    let isBroken = true;
    try {
      await client.query(begin);
      const value = await act(client);
      await client.query('COMMIT');
      isBroken = false;
      return value;
    } catch (error) {
      isBroken = !(await rolledBack(client));
      throw postgresFault(error, doing);
    } finally {
      client.release(isBroken);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool.end();
  }
}

async function rolledBack(client: ClientBase): Promise<boolean> {
  try {
    await client.query('ROLLBACK');
    return true;
  } catch {
    return false;
  }
}

/** Settings of the server under which what was acknowledged could be lost or read differently. Throws `bad-config`. */
export async function requireDurable(client: ClientBase): Promise<void> {
  const { rows } = await client.query<{ commit: string; encoding: string }>(
    "SELECT current_setting('synchronous_commit') AS commit, current_setting('server_encoding') AS encoding",
  );
  const [found] = rows;
  if (found?.commit === 'off') {
    throw new ControlPlaneError(
      'bad-config',
      'the database has synchronous_commit off, and hosts forget what was acknowledged: ALTER DATABASE … SET synchronous_commit = on',
    );
  }
  if (found?.encoding !== 'UTF8') {
    throw new ControlPlaneError('bad-config', `expected a database with encoding UTF8, got ${found?.encoding}`);
  }
}
