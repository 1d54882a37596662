import assert from 'node:assert/strict';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { addSeconds } from '@nixfleet/contracts';
import { type Entry, rearchive, remanifest } from './changed-packet.test.ts';
import { PacketLab, web } from './packet-lab.test.ts';

/** Events of the lab's journal before the second release came: the first three are of the first one. */
const eventsOfFirst = 3;

describe('what a journal says of collections', () => {
  let lab: PacketLab;
  let packet: string;

  before(async () => {
    lab = await PacketLab.create();
    const journal = await lab.fleet.journal(web);
    for (const { document, sha256 } of lab.evidence.get(web)?.collections ?? []) {
      const { collectedAt: at, system, sequence } = document;
      const body = { closure: system.toplevel, activation: null, evidenceSha256: sha256, sequence };
      await journal.append({ kind: 'compliance-passed', body }, { at });
    }
    const lines = journal.events.map((event) => `${JSON.stringify(event)}\n`);
    await writeFile(lab.at('evidence', web, 'journal.jsonl'), lines.join(''));
    const created = await lab.create();
    assert.equal(created.code, 0, `${created.stdout}\n${created.stderr}`);
    packet = created.output;
  });
  after(() => rm(lab.root, { recursive: true, force: true }));

  async function verified(change: (folder: string) => Promise<void>) {
    const { code, found } = await lab.verify(await lab.changed(packet, change));
    const { hosts } = found as unknown as { hosts: { host: string; gaps: { from: string; named?: number }[] }[] };
    const ofHost = found?.breaks.filter(({ where }) => where === web).map((one) => one.code) ?? [];
    return {
      code,
      codes: [...new Set(ofHost)],
      count: ofHost.length,
      gaps: hosts.find(({ host }) => host === web)?.gaps,
    };
  }
  const kept = (change: (entries: Entry[]) => void) => verified((folder) => rearchive(folder, web, change));
  const journalOf = (change: (lines: string[]) => string[]) =>
    verified(async (folder) => {
      const path = join(folder, 'hosts', web, 'journal.jsonl');
      const lines = (await readFile(path, 'utf8')).split('\n').slice(0, -1);
      await writeFile(
        path,
        change(lines)
          .map((line) => `${line}\n`)
          .join(''),
      );
      await remanifest(folder);
    });

  test('each that it names is there, and nothing is broken', async () => {
    const { codes, gaps } = await kept(() => {});
    assert.deepEqual([codes, gaps], [[], []]);
  });

  test('chain-gap: the newest collections are gone', async () => {
    const { code, codes, count } = await kept((entries) => void entries.splice(-2));
    assert.deepEqual([code, codes, count], [1, ['chain-gap'], 2]);
  });

  test('a gap, however short: the oldest are gone, as whatever keeps evidence lets go of them', async () => {
    const { codes, gaps } = await kept((entries) => void entries.splice(0, 2));
    assert.deepEqual(codes, []);
    assert.deepEqual(gaps, [{ from: lab.from, to: addSeconds(lab.from, 2 * 3600), named: 1 }]);
  });

  test('a gap that says so: none is there at all', async () => {
    const { codes, gaps } = await kept((entries) => void entries.splice(0));
    assert.deepEqual(codes, []);
    assert.deepEqual(gaps, [{ from: lab.from, to: lab.to, named: 48 }]);
  });

  test('closure-mismatch: the end of the journal is gone, from before a switch that collections show', async () => {
    const { code, codes, count } = await journalOf((lines) => lines.slice(0, eventsOfFirst));
    assert.deepEqual([code, codes, count], [1, ['closure-mismatch'], 24]);
  });

  test('what nothing names any more goes unseen, as the docs say: the end of the journal, and then of the collections', async () => {
    const { codes } = await verified(async (folder) => {
      const path = join(folder, 'hosts', web, 'journal.jsonl');
      const lines = (await readFile(path, 'utf8')).split('\n').slice(0, -2);
      await writeFile(path, lines.map((line) => `${line}\n`).join(''));
      await rearchive(folder, web, (entries) => void entries.splice(-1));
    });
    assert.deepEqual(codes, []);
  });
});
