import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addSeconds, type EvidenceDocument, Instant, type Sha256Hex, type StorePath } from '@nixfleet/contracts';
import type { PacketJournal } from './findings.ts';
import { JournalClaims } from './journal-claims.ts';

const noon = Instant.parse('2026-06-01T12:00:00Z');
const at = (hours: number): Instant => addSeconds(noon, hours * 3600);
const hash = (digit: string) => digit.repeat(64) as Sha256Hex;
const closure = (digit: string) => `/nix/store/${digit.repeat(32)}-nixos-system` as StorePath;
const period = { from: at(0), to: at(24) };

type Told = readonly [kind: string, hours: number, sha256: Sha256Hex, collectedHours?: number];

function journalOf(told: readonly Told[], closures: PacketJournal['closures'] = []) {
  const events = told.map(([kind, hours, evidenceSha256, collectedHours = hours], i) => {
    const body = { evidenceSha256, evidenceCollectedAt: at(collectedHours) };
    return { event: { seq: i + 1, at: at(hours), kind, body } };
  });
  return { events, closures } as unknown as Pick<PacketJournal, 'events' | 'closures'>;
}

function missing(told: readonly Told[], there: readonly Sha256Hex[], first: readonly [number, Sha256Hex] | null) {
  const claims = new JournalClaims(journalOf(told), period);
  for (const sha256 of there) claims.saw(sha256);
  const found = claims.missing(first && { collectedAt: at(first[0]), previousSha256: first[1] });
  return [found.before, found.lost.length];
}

test('what every kind of event names has to be there, from the first document on', () => {
  for (const kind of ['compliance-passed', 'compliance-failure', 'compliance-drift']) {
    const told: readonly Told[] = [
      [kind, 1, hash('1')],
      [kind, 2, hash('2')],
    ];
    assert.deepEqual(missing(told, [hash('1'), hash('2')], [1, hash('0')]), [0, 0], kind);
    assert.deepEqual(missing(told, [hash('1')], [1, hash('0')]), [0, 1], kind);
    assert.deepEqual(missing(told, [hash('2')], [2, hash('7')]), [1, 0], kind);
    assert.deepEqual(missing(told, [], null), [2, 0], kind);
  }
  assert.deepEqual(missing([['started', 1, hash('1')]], [], null), [0, 0]);
});

test('nothing is asked of a time outside the period', () => {
  assert.deepEqual(missing([['compliance-passed', -1, hash('1')]], [], [1, hash('0')]), [0, 0]);
  assert.deepEqual(missing([['compliance-passed', 24, hash('1')]], [], [1, hash('0')]), [0, 0]);
  assert.deepEqual(missing([['compliance-failure', 1, hash('1'), -1]], [], [1, hash('0')]), [0, 0]);
});

test('the one ahead of the first may be from before the period, unless its event says when it was', () => {
  assert.deepEqual(missing([['compliance-passed', 0, hash('1')]], [], [1, hash('1')]), [0, 0]);
  assert.deepEqual(missing([['compliance-passed', 3, hash('1')]], [], [1, hash('1')]), [0, 0], 'told late');
  assert.deepEqual(missing([['compliance-failure', 0, hash('1')]], [], [1, hash('1')]), [1, 0]);
  assert.deepEqual(missing([['compliance-passed', 3, hash('2')]], [], [1, hash('1')]), [0, 1]);
});

test('a collection is of a closure that the journal has, within an hour; where it does not say, of any', () => {
  const closures = [
    { from: at(0), closures: null },
    { from: at(4), closures: [closure('1')] },
    { from: at(8), closures: [closure('1'), closure('2')] },
    { from: at(12), closures: [closure('2')] },
  ];
  const claims = new JournalClaims(journalOf([], closures), period);
  const isGood = (hours: number, digit: string) =>
    claims.closureProblem({
      collectedAt: at(hours),
      system: { toplevel: closure(digit) } as EvidenceDocument['system'],
    }) === null;
  assert.deepEqual(
    [-2, 2, 5, 5.1].map((hours) => isGood(hours, '3')),
    [true, true, true, false],
  );
  assert.deepEqual(
    [6, 6.9, 7, 13, 13.1, 30].map((hours) => isGood(hours, '2')),
    [false, false, true, true, true, true],
  );
  assert.deepEqual(
    [6, 13, 13.1, 30].map((hours) => isGood(hours, '1')),
    [true, true, false, false],
  );
});
