import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ChannelName, HostName, Pin, StorePath } from '@nixfleet/contracts';
import type { Assembly, HostChange, ReleaseSummary } from '@nixfleet/release';
import { noPaint } from './paint.ts';
import { releaseSummary } from './release-summary.ts';

const closure = (name: string) => StorePath.parse(`/nix/store/${'0'.repeat(32)}-nixos-system-${name}-26.05`);

function row(name: string, pin: HostChange['pin']): HostChange {
  const host = HostName.parse(name);
  return {
    host,
    channel: ChannelName.parse('stable'),
    closure: closure(name),
    previous: closure(name),
    change: 'unchanged',
    pin,
    packages: null,
  };
}

test('pins are told under the table: what to, until when, why; expired ones as a warning', () => {
  const commit = Pin.parse({ commit: 'ab'.repeat(20), reason: 'ticket 4711', expiresAt: '2026-06-01T08:00:00Z' });
  const other = Pin.parse({ closure: closure('db'), reason: 'two\u001b[2J\nlines' });
  const summary: ReleaseSummary = {
    assembly: {
      release: { version: 2, source: { commit: 'cd'.repeat(20) } },
      changedChannels: [ChannelName.parse('stable')],
    } as unknown as Assembly,
    changes: [
      row('db', { ...other, isExpired: false }),
      row('web-1', { ...commit, isExpired: false }),
      row('web-2', { ...commit, isExpired: true }),
      row('web-3', null),
    ],
    warnings: [],
    previousVersion: 1,
  };
  const lines = releaseSummary(summary, { paint: noPaint, columns: null });
  const told = lines.slice(lines.findIndex((line) => line.startsWith('web-3')) + 1);
  assert.deepEqual(told, [
    'db is pinned to 26.05 (0000000): two[2J lines',
    'web-1 is pinned to commit abababab until 2026-06-01T08:00:00Z: ticket 4711',
    'warning: web-2: its pin to commit abababab expired at 2026-06-01T08:00:00Z (ticket 4711): remove it',
  ]);
});
