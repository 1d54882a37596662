import type { DatabaseSync } from 'node:sqlite';
import { ControlPlaneError } from '../errors.ts';

/**
 * Numbered, append-only: entry n brings `user_version` from n to n + 1. A released entry is never changed.
 */
const migrations: readonly string[] = [
  `CREATE TABLE log (
     position INTEGER PRIMARY KEY,
     received_at TEXT NOT NULL,
     kind TEXT NOT NULL CHECK (kind IN ('event', 'fork', 'go', 'rebuild')),
     host TEXT,
     journal TEXT,
     seq INTEGER,
     sha256 TEXT,
     body TEXT NOT NULL,
     signature TEXT
   ) STRICT;
   CREATE UNIQUE INDEX log_event ON log (host, journal, seq) WHERE kind = 'event';
   CREATE UNIQUE INDEX log_fork ON log (host, journal, seq, sha256) WHERE kind = 'fork';
   CREATE INDEX log_own ON log (kind, position) WHERE kind IN ('go', 'rebuild');
   CREATE TABLE host_views (host TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT;
   CREATE TABLE marks (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
   CREATE TABLE release_files (path TEXT PRIMARY KEY, bytes BLOB NOT NULL) STRICT;`,
  `CREATE TABLE evidence (
     host TEXT NOT NULL,
     chain TEXT NOT NULL,
     sequence INTEGER NOT NULL,
     sha256 TEXT NOT NULL,
     collected_at TEXT NOT NULL,
     received_at TEXT NOT NULL,
     body BLOB NOT NULL,
     PRIMARY KEY (host, chain, sequence)
   ) STRICT;
   CREATE INDEX evidence_time ON evidence (host, collected_at, chain, sequence);`,
];

/** Brings the schema up to date in one transaction. A newer schema than this program knows is `state-unreadable`. */
export function migrate(database: DatabaseSync): void {
  const row = database.prepare('PRAGMA user_version').get();
  const version = Number(row?.user_version ?? 0);
  if (version > migrations.length) {
    throw new ControlPlaneError(
      'state-unreadable',
      `the state was written by a newer version (schema ${version}, known up to ${migrations.length}): upgrade this program`,
    );
  }
  if (version === migrations.length) return;
  database.exec('BEGIN IMMEDIATE');
  try {
    for (const statement of migrations.slice(version)) database.exec(statement);
    database.exec(`PRAGMA user_version = ${migrations.length}`);
    database.exec('COMMIT');
  } catch (error) {
    database.exec('ROLLBACK');
    throw error;
  }
}
