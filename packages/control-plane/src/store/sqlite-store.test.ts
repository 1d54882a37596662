import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, describe, test } from 'node:test';
import { ControlPlaneError } from '../errors.ts';
import { openSqliteStore } from './sqlite-store.ts';

const directory = mkdtempSync(join(tmpdir(), 'nixfleet-sqlite-'));
after(() => rmSync(directory, { recursive: true }));
const nextTurn = () => Promise.resolve();

function isFault(code: string) {
  return (error: unknown) => error instanceof ControlPlaneError && error.code === code;
}

/** Appends batches as fast as it can and prints the position of each one that was acknowledged. */
const appender = `
import { openSqliteStore } from ${JSON.stringify(new URL('./sqlite-store.ts', import.meta.url).href)};
import { nextTurn } from ${JSON.stringify(new URL('../turn-clock.ts', import.meta.url).href)};
import { writeSync } from 'node:fs';
const store = openSqliteStore({ path: process.argv[1], nextTurn });
const extent = await store.journalExtent('web', 'ab'.repeat(16));
for (let seq = (extent?.last.seq ?? 0) + 1; ; seq += 7) {
  const batches = [0, 3].map((offset) => Array.from({ length: offset === 0 ? 3 : 4 }, (_, i) => ({
    kind: 'event', receivedAt: '2026-06-01T08:00:00Z', host: 'web', journal: 'ab'.repeat(16), seq: seq + offset + i,
    sha256: (seq + offset + i).toString(16).padStart(64, '0'), text: 'x'.repeat(700), signature: 's'.repeat(88),
  })));
  const outcomes = await Promise.all(batches.map((batch) => store.append(batch)));
  for (const { position } of outcomes) writeSync(1, position + '\\n');
}
`;

describe('sqlite', () => {
  test('kill -9 while it appends: nothing acknowledged is lost, and no batch is there in part', async () => {
    const path = join(directory, 'killed.sqlite');
    let acknowledged = 0;
    for (let round = 0; round < 4; round++) {
      const before = acknowledged;
      const child = spawn(process.execPath, ['--input-type=module', '--eval', appender, path], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let rest = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        const lines = (rest + text).split('\n');
        rest = lines.pop() ?? '';
        acknowledged = Number(lines.at(-1) ?? acknowledged);
        if (acknowledged > before + 50 + round * 37) child.kill('SIGKILL');
      });
      await new Promise((resolve) => child.once('close', resolve));
      await using store = openSqliteStore({ path, nextTurn });
      const position = await store.position();
      assert.ok(acknowledged > before, 'the child appended');
      assert.ok(position >= acknowledged, `acknowledged ${acknowledged}, stored ${position}`);
      const extent = await store.journalExtent('web' as never, 'ab'.repeat(16) as never);
      assert.equal(extent?.last.seq, position, 'no hole');
      assert.ok(position % 7 === 0 || position % 7 === 3, 'whole batches');
    }
  });

  test('a second control plane on the same state is kept out', async () => {
    const path = join(directory, 'locked.sqlite');
    await using first = openSqliteStore({ path, nextTurn });
    assert.throws(() => openSqliteStore({ path, nextTurn }), isFault('state-unreadable'));
    assert.equal(await first.position(), 0);
  });

  test('no database, a newer schema, broken floors: an error, never a reset', async () => {
    const garbage = join(directory, 'garbage.sqlite');
    writeFileSync(garbage, 'not a database, certainly not one of ours'.repeat(100));
    assert.throws(() => openSqliteStore({ path: garbage, nextTurn }), isFault('state-unreadable'));

    const newer = join(directory, 'newer.sqlite');
    await openSqliteStore({ path: newer, nextTurn })[Symbol.asyncDispose]();
    change(newer, 'PRAGMA user_version = 99');
    assert.throws(() => openSqliteStore({ path: newer, nextTurn }), isFault('state-unreadable'));

    const floors = join(directory, 'floors.sqlite');
    await openSqliteStore({ path: floors, nextTurn })[Symbol.asyncDispose]();
    for (const value of ['{', '{"trust":{"version":0}}', '{}']) {
      change(
        floors,
        `INSERT INTO marks VALUES ('floors', '${value}') ON CONFLICT DO UPDATE SET value = excluded.value`,
      );
      await using store = openSqliteStore({ path: floors, nextTurn });
      await assert.rejects(store.loadRelease(), isFault('state-unreadable'));
    }
  });
});

function change(path: string, sql: string): void {
  const database = new DatabaseSync(path);
  database.exec(sql);
  database.close();
}
