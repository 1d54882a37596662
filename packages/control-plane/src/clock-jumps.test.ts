import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { addSeconds, type Instant } from '@nixfleet/contracts';
import { Fixture } from './fixture.test.ts';

const hosts = ['canary', 'web-1', 'web-2', 'db'];

describe('a wall clock that jumps', () => {
  test('silence is measured by the clock that does not: nobody is left behind early', async () => {
    await using fixture = await Fixture.start();
    await fixture.join(...hosts);
    await fixture.clock.advance(200_000);
    for (const at of [addSeconds(fixture.fleet.now, 86_400), '2020-01-01T00:00:00Z' as Instant]) {
      fixture.clock.setWall(at);
      await fixture.clock.advance(61_000);
      const { rollouts, hosts: views } = await fixture.view();
      const isAhead = at > fixture.fleet.now;
      const isHeld = views.every(({ withheld }) => withheld.some(({ code }) => code === 'head-expired'));
      assert.equal(isHeld, isAhead, 'the jump is noticed without any request');
      assert.deepEqual(
        rollouts.flatMap(({ leftBehind }) => leftBehind),
        [],
      );
      assert.ok(views.every(({ health }) => health === 'offline'));
    }
  });

  test('a start with a dead clock knows the release that was accepted before, and everybody in it', async () => {
    await using fixture = await Fixture.start();
    await fixture.join(...hosts);
    fixture.clock.setWall('1970-01-01T00:01:00Z');
    fixture.source.failure = 'no network yet';
    await fixture.restart();
    assert.equal((await fixture.checkin('canary')).go?.wave, 0);
    const { release, now, head } = await fixture.view();
    assert.equal(release?.version, 1);
    assert.equal(now, head?.signedAt);
    fixture.source.failure = null;
    await fixture.refresh();
    assert.deepEqual((await fixture.view()).problems, [], 'the head that is in force stays good');
  });

  test('heads that run ahead do not pull the time along', async () => {
    await using fixture = await Fixture.start();
    const ahead = async (seconds: number) => {
      fixture.fleet.now = addSeconds(fixture.clock.instant(), seconds);
      await fixture.fleet.signHead();
      await fixture.refresh();
    };
    await ahead(240);
    const { head } = await fixture.view();
    await ahead(480);
    const view = await fixture.view();
    assert.equal(view.head?.version, head?.version);
    assert.match(view.problems.join(), /future-dated/);
  });
});
