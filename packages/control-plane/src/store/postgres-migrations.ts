import type { ClientBase } from 'pg';
import { ControlPlaneError } from '../errors.ts';

/** Numbered, append-only: entry n brings `version` from n to n + 1. A released entry is never changed. */
const migrations: readonly string[] = [
  `CREATE TABLE log (
     position BIGINT PRIMARY KEY,
     received_at TEXT NOT NULL,
     kind TEXT NOT NULL CHECK (kind IN ('event', 'fork', 'go', 'rebuild')),
     host TEXT,
     journal TEXT,
     seq BIGINT,
     sha256 TEXT,
     body TEXT NOT NULL,
     signature TEXT
   );
   CREATE UNIQUE INDEX log_event ON log (host, journal, seq) WHERE kind = 'event';
   CREATE UNIQUE INDEX log_fork ON log (host, journal, seq, sha256) WHERE kind = 'fork';
   CREATE INDEX log_own ON log (kind, position) WHERE kind IN ('go', 'rebuild');
   CREATE INDEX log_host ON log (host, position);
   CREATE TABLE host_views (host TEXT PRIMARY KEY, body TEXT NOT NULL);
   CREATE TABLE marks (name TEXT PRIMARY KEY, value TEXT NOT NULL);
   CREATE TABLE release_files (path TEXT PRIMARY KEY, bytes BYTEA NOT NULL);
   CREATE TABLE members (id TEXT PRIMARY KEY, beat BIGINT NOT NULL, version BIGINT NOT NULL, contacts TEXT NOT NULL);
   CREATE TABLE leadership (is_only BOOLEAN PRIMARY KEY CHECK (is_only), epoch BIGINT NOT NULL, leader TEXT);
   INSERT INTO leadership VALUES (true, 0, NULL);`,
  `CREATE TABLE evidence (
     host TEXT NOT NULL,
     chain TEXT NOT NULL,
     sequence BIGINT NOT NULL,
     sha256 TEXT NOT NULL,
     collected_at TEXT COLLATE "C" NOT NULL,
     received_at TEXT NOT NULL,
     body BYTEA NOT NULL,
     PRIMARY KEY (host, chain, sequence)
   );
   CREATE INDEX evidence_time ON evidence (host, collected_at, chain, sequence);`,
];

/** Inside a transaction that no other control plane can run at the same time. A newer schema is `state-unreadable`. */
export async function migrate(client: ClientBase): Promise<void> {
  await client.query(
    'CREATE TABLE IF NOT EXISTS nixfleet_schema (is_only BOOLEAN PRIMARY KEY CHECK (is_only), version INTEGER NOT NULL)',
  );
  const found = await client.query<{ version: number }>('SELECT version FROM nixfleet_schema');
  const version = found.rows[0]?.version ?? 0;
  if (version > migrations.length) {
    throw new ControlPlaneError(
      'state-unreadable',
      `the database was written by a newer version (schema ${version}, known up to ${migrations.length}): upgrade this program`,
    );
  }
  if (version === migrations.length) return;
  for (const statement of migrations.slice(version)) await client.query(statement);
  await client.query(
    'INSERT INTO nixfleet_schema VALUES (true, $1) ON CONFLICT (is_only) DO UPDATE SET version = excluded.version',
    [migrations.length],
  );
}
