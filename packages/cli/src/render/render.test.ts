import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HostName, Instant, StorePath } from '@nixfleet/contracts';
import { printable } from '../printable.ts';
import { closureLabel } from './closure-label.ts';
import { noPaint, terminalPaint } from './paint.ts';
import { plural } from './plural.ts';
import { cut, renderTable } from './table.ts';
import { span, timeAgo } from './time-ago.ts';
import { withheldLabel } from './withheld-label.ts';

const now = Instant.parse('2026-06-01T12:00:00Z');
const at = (text: string): Instant => Instant.parse(text);

test('spans are told in their largest whole unit', () => {
  const cases: [number, string][] = [
    [0, '0 s'],
    [59, '59 s'],
    [60, '1 min'],
    [3599, '59 min'],
    [3600, '1 h'],
    [47 * 3600, '47 h'],
    [48 * 3600, '2 d'],
    [-5, '0 s'],
  ];
  for (const [seconds, text] of cases) assert.equal(span(seconds), text);
});

test('instants before and after now', () => {
  assert.equal(timeAgo(at('2026-06-01T11:55:00Z'), now), '5 min ago');
  assert.equal(timeAgo(at('2026-06-01T12:05:30Z'), now), 'in 5 min');
  assert.equal(timeAgo(at('2026-06-01T11:59:59Z'), now), 'now');
});

test('plurals', () => {
  assert.deepEqual(
    [plural(1, 'host'), plural(0, 'host'), plural(2, 'reply', 'replies')],
    ['1 host', '0 hosts', '2 replies'],
  );
});

test('text of strangers cannot move the cursor, hide, reorder or start a line of its own', () => {
  assert.equal(printable('a\u001b[2Jb'), 'a[2Jb');
  assert.equal(printable('one\nnixfleet: two\r\tthree\u2028four'), 'one nixfleet: two three four');
  assert.equal(printable('a\u202egnp.exe\u2066b\u200bc\u009bd\u{e0041}e\ud800f'), 'agnp.exebcdef');
  assert.equal(printable('naïve — 漢字 🙂'), 'naïve — 漢字 🙂');
});

test('a table aligns, paints without shifting, and keeps no trailing space', () => {
  const rows = [
    ['web-1', { text: 'converged', colour: 'green' as const }, ''],
    ['db', { text: 'failed', colour: 'red' as const }, 'probe'],
  ];
  const table = { headings: ['HOST', 'HEALTH', 'WHY'], rows };
  assert.deepEqual(renderTable(table, { paint: noPaint, columns: null }), [
    'HOST   HEALTH     WHY',
    'web-1  converged',
    'db     failed     probe',
  ]);
  const painted = renderTable(table, { paint: terminalPaint, columns: null });
  assert.ok(painted[2]?.includes('\u001b[31mfailed\u001b[39m     probe'));
});

test('only a terminal cuts the last column', () => {
  const table = { headings: ['A', 'WHY'], rows: [['x', 'a reason of many words that goes on']] };
  assert.equal(renderTable(table, { paint: noPaint, columns: 20 })[1], 'x  a reason of many…');
  assert.equal(renderTable(table, { paint: noPaint, columns: null })[1], 'x  a reason of many words that goes on');
  assert.equal(cut('abc', 3), 'abc');
});

test('a closure is its version and the start of its hash', () => {
  const host = HostName.parse('web-1');
  const path = (name: string): StorePath => StorePath.parse(`/nix/store/x3k2j1a0x3k2j1a0x3k2j1a0x3k2j1a0-${name}`);
  assert.equal(closureLabel(path('nixos-system-web-1-25.05.20260101'), host), '25.05.20260101 (x3k2j1a)');
  assert.equal(closureLabel(path('demo-2.1'), host), '2.1 (x3k2j1a)');
  assert.equal(closureLabel(path('web-1'), host), 'web-1 (x3k2j1a)');
  assert.equal(closureLabel(null, host), '-');
});

test('what withholds a host says who, how many, until when, and a reason made printable', () => {
  const label = withheldLabel(
    {
      code: 'wave',
      names: ['a', 'b', 'c', 'd'],
      have: 1,
      need: 4,
      until: at('2026-06-01T12:10:00Z'),
      reason: 'x\u001b[31my',
    },
    now,
  );
  assert.equal(label, 'waits for an earlier wave: a, b, c and 1 more (1 of 4), ends in 10 min — x[31my');
});
