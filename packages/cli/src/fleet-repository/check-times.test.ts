import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FreezeRule, Instant, WindowRule } from '@nixfleet/contracts';
import { demoIntent, fleetDocumentOf, testKey } from '@nixfleet/testkit';
import { checkTimes } from './check-times.ts';

const now = Instant.parse('2026-11-25T12:00:00Z');

test('what time alone makes wrong is found, with where it is', async () => {
  const intent = demoIntent();
  intent.operators = {};
  for (const [name, host] of Object.entries(intent.hosts)) {
    host.pubkeys = [(await testKey(`host:${name}`)).openssh];
    const expiresAt = { 'web-1': '2026-11-25T12:00:00Z', 'web-2': '2026-11-25T12:00:01Z' }[name];
    if (expiresAt !== undefined) host.pin = { commit: 'a'.repeat(40), reason: 'ticket 4711', expiresAt };
  }
  const fleet = fleetDocumentOf('demo', intent);
  assert.deepEqual(
    checkTimes(fleet, now).map(({ severity, where }) => `${severity} ${where}`),
    ['warning hosts.web-1'],
  );
  const [data, stable] = ['data', 'stable'].map(
    (name) => Object.entries(fleet.channels).find(([key]) => key === name)?.[1],
  );
  assert.ok(data && stable);
  const freeze = (from: string, to: string) =>
    FreezeRule.parse({ from, to, timezone: 'Europe/Paris', reason: 'an audit' });
  stable.freezes = [freeze('2026-11-01T00:00', '2026-11-25T13:00'), freeze('2026-11-01T00:00', '2026-11-25T13:01')];
  data.windows = [WindowRule.parse({ starts: ['22:00'], durationMinutes: 60, timezone: 'Europe/Pari' })];
  assert.deepEqual(checkTimes(fleet, now), [
    {
      severity: 'error',
      where: 'channels.data.windows[0].timezone',
      what: 'Europe/Pari is no time zone that this machine knows; write it as Europe/Paris, or UTC',
      next: 'correct it; no release is made before',
    },
    {
      severity: 'warning',
      where: 'channels.stable.freezes[0]',
      what: 'over since 2026-11-25T12:00:00Z (an audit)',
      next: 'remove it',
    },
    {
      severity: 'warning',
      where: 'hosts.web-1',
      what: 'pinned until 2026-11-25T12:00:00Z (ticket 4711): the next release takes no notice of it',
      next: 'remove the pin, or give it more time',
    },
  ]);
});
