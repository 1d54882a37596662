import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addSeconds } from '@nixfleet/contracts';
import { bodyOf, Fixture } from './fixture.test.ts';

test('an emergency is told by every view while it is in force: approved by enough, and not over', async () => {
  await using fixture = await Fixture.start();
  await fixture.join('canary', 'web-1');
  const expiresAt = addSeconds(fixture.clock.instant(), 3600);
  const reason = 'CVE-2026-1234';
  const rolloutId = fixture.fleet.current.manifests.get('stable')?.rolloutId ?? '';
  const told = async () => {
    const paths = ['/v1/fleet', '/v1/why/web-1', `/v1/rollouts/${rolloutId}`];
    const bodies = await Promise.all(
      paths.map(async (path) => bodyOf(await fixture.call('olivia', { path }), 200) as { emergency?: unknown }),
    );
    return bodies.map(({ emergency }) => emergency);
  };
  const nothing = [undefined, undefined, undefined];
  assert.deepEqual(await told(), nothing);
  const declare = (approvedBy: readonly string[]) =>
    fixture.publish(
      (next) => {
        next.emergency = { reason, expiresAt };
      },
      { approvedBy: [...approvedBy] },
    );
  await declare(['alice']);
  assert.deepEqual(await told(), nothing, 'one approval of two');
  await declare(['alice', 'bob']);
  assert.deepEqual(
    await told(),
    [1, 2, 3].map(() => ({ reason, expiresAt })),
  );
  await fixture.clock.advance(3600_000);
  assert.deepEqual(await told(), nothing, 'it is over');
});
