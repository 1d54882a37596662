import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { FleetName, HostName, Instant, JournalId, type SignedEvent } from '@nixfleet/contracts';
import { TestJournal, testKey } from '@nixfleet/testkit';
import { WatchedHost } from './watched-host.ts';

class JournalOnDisk extends WatchedHost {
  readonly name = 'canary';
  readonly log = '';
  readonly stateDirectory = mkdtempSync(join(tmpdir(), 'nixfleet-watched-'));

  write(events: readonly SignedEvent[]): void {
    mkdirSync(join(this.stateDirectory, 'journal'), { recursive: true });
    const lines = events.map((event) => `${JSON.stringify(event)}\n`);
    writeFileSync(join(this.stateDirectory, 'journal/journal.jsonl'), lines.join(''));
  }
}

async function journalOf(letter: string, count: number): Promise<readonly SignedEvent[]> {
  const journal = new TestJournal({
    fleet: FleetName.parse('acme'),
    host: HostName.parse('canary'),
    key: await testKey('host:canary'),
    journal: JournalId.parse(letter.repeat(32)),
  });
  const at = Instant.parse('2026-11-26T12:00:00Z');
  for (let i = 0; i < count; i++) {
    await journal.append({ kind: 'started', body: { running: null, agentVersion: String(i) } }, { at });
  }
  return journal.events;
}

test('a place in a journal is found again after its beginning was pruned, and after it was put aside', async (t) => {
  const host = new JournalOnDisk();
  t.after(() => rmSync(host.stateDirectory, { recursive: true }));
  const events = await journalOf('a', 5);
  const seqsSince = (mark = host.mark): number[] => host.since(mark).map(({ seq }) => seq);
  assert.deepEqual(seqsSince(null), []);
  host.write(events.slice(0, 3));
  const { mark } = host;
  assert.deepEqual(seqsSince(mark), []);
  host.write(events.slice(1));
  assert.deepEqual(seqsSince(mark), [4, 5]);
  host.write(events.slice(4));
  assert.deepEqual(seqsSince(mark), [5]);
  assert.deepEqual(seqsSince(null), [5]);
  host.write(await journalOf('b', 2));
  assert.deepEqual(seqsSince(mark), [1, 2]);
});
