import assert from 'node:assert/strict';
import { test } from 'node:test';
import { holdPath } from '@nixfleet/contracts';
import { initialHostState } from '@nixfleet/engine';
import { ControlPlaneError } from './errors.ts';
import { bodyOf, errorOf, Fixture, fetching, memoryStore, newCanary, started } from './fixture.test.ts';
import type { Store } from './store/store.ts';

/** The real store on a disk that can be filled. */
function fillable(store: Store): { store: Store; fill: (isFull: boolean) => void } {
  let isFull = false;
  const writes = new Set<PropertyKey>(['append', 'saveCheckpoint', 'saveRelease']);
  const proxy = new Proxy(store, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      if (!writes.has(name)) return value.bind(target);
      return async (...parameters: unknown[]) => {
        if (isFull) throw new ControlPlaneError('disk-full', 'no space left');
        return value.apply(target, parameters);
      };
    },
  });
  return {
    store: proxy,
    fill: (full) => {
      isFull = full;
    },
  };
}

test('a full disk: no event is acknowledged, no go handed out, no release taken; then all goes on', async () => {
  const { store, fill } = fillable(memoryStore());
  await using fixture = await Fixture.start({ store });
  await fixture.join('web-1', 'web-2', 'db');
  const journal = await fixture.fleet.journal('canary');
  await journal.append(started('first-contact'), { at: fixture.fleet.now });

  fill(true);
  const refused = await fixture.post('canary', journal.events);
  assert.equal(errorOf(refused, 503).error, 'overloaded');
  assert.ok(refused.headers['retry-after']);
  assert.equal((await fixture.checkin('canary')).replayFrom?.seq, 1, 'it is still missing');
  assert.match((await fixture.view()).problems.join(), /no space left/);
  await fixture.publish(newCanary);
  assert.equal((await fixture.view()).release?.version, 1);

  fill(false);
  assert.equal((await fixture.post('canary', journal.events)).status, 200);
  // Full again before the planner comes to it.
  fill(true);
  await fixture.clock.advance(6000);
  assert.equal((await fixture.checkin('canary')).go, undefined, 'what is not recorded is not handed out');

  fill(false);
  await fixture.clock.advance(6000);
  await fixture.refresh();
  assert.equal((await fixture.checkin('canary')).go?.wave, 0);
  const view = await fixture.view();
  assert.equal(view.release?.version, 2);
  assert.deepEqual(view.problems, []);
  bodyOf(await fixture.call('olivia', { path: '/readyz' }), 200);

  const target = await fixture.fleet.target('canary');
  const from = journal.events.length;
  await journal.append(fetching(target), { at: fixture.clock.instant() });
  await journal.append({ kind: 'converged', body: { target, switched: true } }, { at: fixture.clock.instant() });
  assert.equal((await fixture.post('canary', journal.events.slice(from))).status, 200);
  fill(true);
  await fixture.clock.advance(1000);
  const gos = await fixture.gos();
  assert.equal((await fixture.checkin('web-1')).go, undefined, 'not recorded, not handed out');
  assert.match((await fixture.view()).problems.join(), /planning failed: no space left/);
  fill(false);
  await fixture.clock.advance(6000);
  assert.equal((await fixture.checkin('web-1')).go?.receipts.length, 1);
  assert.equal(await fixture.gos(), gos + 2);
});

test('a hold that cannot be stored counts all the same, and is stored as soon as it can be', async () => {
  const { store, fill } = fillable(memoryStore());
  await using fixture = await Fixture.start({ store });
  await fixture.join('canary', 'web-1', 'web-2', 'db');
  fill(true);
  const { sha256 } = await fixture.fleet.hold('stable', { isNamed: false });
  await fixture.refresh();
  assert.equal((await fixture.checkin('canary')).withheld?.[0]?.code, 'hold');
  fill(false);
  await fixture.refresh();
  assert.ok((await store.loadRelease())?.files.has(holdPath(sha256)));
  assert.equal((await fixture.checkin('canary')).withheld?.[0]?.code, 'hold');
});

const brakes: Record<string, (fixture: Fixture) => Promise<void>> = {
  'in a tree that has a step of trust too': async ({ fleet }) => {
    await fleet.nextTrust(() => {});
    await fleet.hold('stable', { isNamed: false });
  },
  'that only a newer head names, where the source does not list': async ({ fleet, source }) => {
    source.listing = 'none';
    await fleet.hold('stable');
  },
  'that a newer head names and nobody has, beside another one': async ({ fleet }) => {
    await fleet.hold('data', { isNamed: false });
    const { sha256 } = await fleet.hold('stable');
    fleet.files.delete(holdPath(sha256));
  },
};

for (const [which, publish] of Object.entries(brakes)) {
  test(`a brake that cannot be stored counts: one ${which}`, async () => {
    const { store, fill } = fillable(memoryStore());
    await using fixture = await Fixture.start({ store });
    await fixture.join('canary', 'web-1', 'web-2', 'db');
    assert.ok((await fixture.checkin('canary')).go);
    fill(true);
    await publish(fixture);
    for (let i = 0; i < 2; i++) {
      await fixture.refresh();
      assert.equal((await fixture.checkin('canary')).withheld?.[0]?.code, 'hold');
      const { problems, trustVersion } = await fixture.view();
      assert.match(problems.join(), /no space left/);
      assert.equal(trustVersion, 1);
    }
    fill(false);
    await fixture.refresh();
    assert.equal((await fixture.checkin('canary')).withheld?.[0]?.code, 'hold');
    assert.doesNotMatch((await fixture.view()).problems.join(), /no space left/);
  });
}

test('a rebuild whose end cannot be written down does not stop the planning', async () => {
  const { store, fill } = fillable(memoryStore());
  await using fixture = await Fixture.start({ store, rebuildSecondsMax: 10 });
  await fixture.join('canary', 'web-1', 'db');
  const journal = await fixture.fleet.journal('web-2');
  await journal.append(started('first-contact'), { at: fixture.fleet.now });
  await fixture.clock.advance(11_000);
  const codes = async () => {
    const { hosts } = await fixture.view();
    return hosts.find(({ name }) => name === 'web-2')?.withheld.map(({ code }) => code);
  };
  assert.deepEqual(await codes(), ['unheard-after-rebuild']);
  assert.equal((await fixture.post('web-2', journal.events)).status, 200);
  fill(true);
  await fixture.checkin('web-2');
  await fixture.settle();
  assert.deepEqual(await codes(), ['wave']);
});

test('while the log cannot be read nothing is allowed, and why says so', async () => {
  const memory = memoryStore();
  let isBroken = false;
  const store = new Proxy(memory, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      return async (...parameters: unknown[]) => {
        if (isBroken && name === 'readAt') throw new ControlPlaneError('store-failed', 'input/output error');
        return value.apply(target, parameters);
      };
    },
  });
  await using fixture = await Fixture.start({ store });
  await fixture.join('canary', 'web-1', 'web-2', 'db');
  await fixture.converge('canary');
  assert.equal((await fixture.checkin('web-1')).go?.wave, 1);
  isBroken = true;
  await fixture.publish();
  const { go, goId, withheld } = await fixture.checkin('web-1');
  assert.deepEqual([go, goId], [undefined, null]);
  assert.match(JSON.stringify(withheld), /"no-go".*input\/output error/);
  isBroken = false;
  await fixture.clock.advance(6000);
  assert.equal((await fixture.checkin('web-1')).go?.wave, 1);
});

test('receipts that are missing are looked for once a pass, not once a host', async () => {
  const memory = memoryStore();
  let reads = 0;
  const store = new Proxy(memory, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      return async (...parameters: unknown[]) => {
        if (name === 'readAt') reads++;
        return value.apply(target, parameters);
      };
    },
  });
  await using fixture = await Fixture.start({ store });
  await fixture.join('canary', 'web-1', 'web-2', 'db');
  const target = await fixture.fleet.target('canary');
  const phase = { name: 'converged', target, at: fixture.fleet.now } as const;
  await fixture.tell('canary', { kind: 'checkpoint', body: { state: { ...initialHostState, phase } } });
  assert.match(JSON.stringify((await fixture.checkin('web-1')).withheld), /receipts/);
  reads = 0;
  await fixture.tell('db', { kind: 'reboot-pending', body: { component: null } });
  assert.equal(reads, 1);
});

test('a hold that could not be had is stored as soon as there is room, so that a restart knows of it', async () => {
  const { store, fill } = fillable(memoryStore());
  await using fixture = await Fixture.start({ store });
  await fixture.join('canary', 'web-1', 'web-2', 'db');
  const { sha256 } = await fixture.fleet.hold('data');
  fixture.fleet.files.delete(holdPath(sha256));
  fill(true);
  await fixture.refresh();
  const code = async () => (await fixture.checkin('canary')).withheld?.[0]?.code;
  assert.equal(await code(), 'hold', 'it counts at once');
  fill(false);
  await fixture.refresh();
  fixture.source.failure = 'host is down';
  await fixture.restart();
  assert.equal(await code(), 'hold');
});
