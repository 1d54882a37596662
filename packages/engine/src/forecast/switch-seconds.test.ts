import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addSeconds, type HostName, type JournalEvent } from '@nixfleet/contracts';
import { began, targetOf } from '../fixtures/host.ts';
import { expectedSeconds, measureSwitches, nothingMeasured, switchSecondsDefault } from './switch-seconds.ts';

const name = (text: string) => text as HostName;

/** Events of one switch, so many seconds apart. */
function* switched(
  host: string,
  gaps: readonly number[],
  kinds = ['fetching', 'activating', 'confirming', 'confirmed'],
) {
  let at = began;
  for (const [i, kind] of kinds.entries()) {
    at = addSeconds(at, i === 0 ? 0 : (gaps[i - 1] ?? 0));
    yield { host, kind, at, body: { target: targetOf(2) } } as unknown as JournalEvent;
  }
}

test('the default without anything measured', () => {
  assert.deepEqual(expectedSeconds(nothingMeasured, name('a')), switchSecondsDefault);
});

test('a host speaks for itself after three switches, before that the fleet does, by its median', () => {
  const events = [
    ...[10, 20, 90].flatMap((fetch) => [...switched('slow', [fetch, 5, 2])]),
    ...switched('new', [1, 1, 1]),
  ];
  const measured = measureSwitches(events);
  assert.deepEqual(expectedSeconds(measured, name('slow')), { fetch: 20, activate: 5, confirm: 2, boot: 120 });
  assert.deepEqual(expectedSeconds(measured, name('new')), { fetch: 20, activate: 5, confirm: 2, boot: 120 });
  assert.deepEqual(expectedSeconds(measured, name('unseen')), expectedSeconds(measured, name('new')));
});

test('a switch that was given up, another rollout and a clock that was set back measure nothing false', () => {
  const given = [...switched('a', [10, 5], ['fetching', 'withheld', 'activating'])];
  assert.equal(expectedSeconds(measureSwitches(given), name('a')).fetch, 15, 'what lies between is not of the switch');
  const failed = [...switched('a', [10, 5, 5], ['fetching', 'activating', 'failed', 'confirming'])];
  assert.equal(expectedSeconds(measureSwitches(failed), name('a')).activate, 10);
  const [first] = switched('a', []);
  const other = {
    ...first,
    kind: 'activating',
    at: addSeconds(began, 9),
    body: { target: targetOf(3) },
  } as JournalEvent;
  assert.equal(expectedSeconds(measureSwitches([first as JournalEvent, other]), name('a')).fetch, 60);
  assert.equal(expectedSeconds(measureSwitches(switched('a', [-100, 5, 5])), name('a')).fetch, 0);
});

test('only the newest spans count', () => {
  const events = [...Array(30).keys()].flatMap((i) => [...switched('a', [i < 14 ? 1000 : 10, 5, 5])]);
  assert.equal(expectedSeconds(measureSwitches(events), name('a')).fetch, 10);
});
