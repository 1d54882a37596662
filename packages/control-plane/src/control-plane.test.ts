import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CheckinReply, EventsView, HostView, RolloutView, sha256Hex, WhyView } from '@nixfleet/contracts';
import { nodeCrypto } from '@nixfleet/contracts/node-crypto';
import { testKey } from '@nixfleet/testkit';
import { bodyOf, errorOf, Fixture, fetching, newCanary, the, withoutWeb2 } from './fixture.test.ts';
import type { ApiResponse } from './http/message.ts';
import { coalesceMs } from './planner/planner-loop.ts';

const hosts = ['canary', 'web-1', 'web-2', 'db'];

describe('a rollout through the API', () => {
  test('wave by wave, each later go with the receipts of the waves before', async () => {
    await using fixture = await Fixture.start();
    await fixture.join(...hosts);
    const head = await sha256Hex(nodeCrypto, fixture.head);

    const canary = await fixture.checkin('canary');
    assert.equal(canary.head, head);
    assert.equal(canary.go?.wave, 0);
    assert.deepEqual(canary.go?.receipts, []);
    const web = await fixture.checkin('web-1');
    assert.equal(web.go, undefined);
    assert.deepEqual(
      web.withheld?.map(({ code }) => code),
      ['wave'],
    );
    assert.equal((await fixture.checkin('db')).go, undefined);

    await fixture.converge('canary');
    const next = await fixture.checkin('web-1');
    assert.equal(next.go?.wave, 1);
    assert.equal(next.go?.receipts.length, 1);
    assert.match(next.go?.receipts[0]?.event ?? '', /"kind":"converged"/);
    assert.equal(next.goId, (await fixture.checkin('web-2')).goId, 'one go for a wave');
    const { goId } = next;
    const again = await fixture.checkin('web-1', { go: goId });
    assert.equal(again.go, undefined, 'not sent twice');
    assert.equal(again.goId, goId);

    await fixture.converge('web-1');
    await fixture.converge('web-2');
    assert.equal((await fixture.checkin('db')).go?.wave, 0);
    await fixture.converge('db');
    const view = await fixture.view();
    assert.deepEqual(
      view.hosts.map(({ health }) => health),
      ['converged', 'converged', 'converged', 'converged'],
    );
    assert.deepEqual(
      view.rollouts.map(({ state }) => state),
      ['converged', 'converged'],
    );
    assert.deepEqual(view.problems, []);
  });

  test('a view is of one moment: what a host just told is shown with what it changes, or not at all', async () => {
    await using fixture = await Fixture.start();
    await fixture.join(...hosts);
    const target = await fixture.fleet.target('canary');
    const at = fixture.clock.instant();
    await fixture.tell('canary', fetching(target), { kind: 'confirming', body: { target, deadline: at } });
    const journal = await fixture.fleet.journal('canary');
    await journal.append({ kind: 'converged', body: { target, switched: true } }, { at });
    assert.equal((await fixture.post('canary', journal.events)).status, 200);
    for (const health of ['updating', 'converged']) {
      const view = await fixture.view();
      const canary = the(view.hosts.find(({ name }) => name === 'canary'));
      assert.equal(canary.health, health);
      assert.equal(canary.phase?.name, health === 'converged' ? 'converged' : 'confirming');
      assert.deepEqual(canary.withheld.length, health === 'converged' ? 0 : 1);
      const rollout = the(view.rollouts.find(({ channel }) => channel === 'stable'));
      assert.equal(rollout.converged, health === 'converged' ? 1 : 0);
      const { body } = await fixture.call('olivia', { path: `/v1/rollouts/${rollout.rolloutId}` });
      const state = RolloutView.parse(JSON.parse(String(body))).hostStates.find(({ name }) => name === 'canary');
      assert.equal(state?.converged, health === 'converged');
      // The pass that follows a change comes within this time.
      await fixture.clock.advance(coalesceMs);
    }
  });

  test('a host that goes offline is not converged', async () => {
    await using fixture = await Fixture.start();
    await fixture.join(...hosts);
    for (const host of hosts) await fixture.converge(host);
    await fixture.clock.advance(151_000);
    const view = await fixture.view();
    assert.deepEqual(
      view.hosts.map(({ health, online }) => [health, online]),
      hosts.map(() => ['offline', false]),
    );
  });

  test('views of one host, one rollout, and why', async () => {
    await using fixture = await Fixture.start();
    await fixture.join(...hosts);
    const why = WhyView.parse(bodyOf(await fixture.call('olivia', { path: '/v1/why/web-1' }), 200));
    assert.deepEqual(
      why.withheld.map(({ code }) => code),
      ['wave'],
    );
    assert.match(why.sentences[0] ?? '', /canary/);
    const host = HostView.parse(bodyOf(await fixture.call('olivia', { path: '/v1/hosts/web-1' }), 200));
    assert.equal(host.journal?.seq, 1);
    assert.equal(host.agentVersion, '1');
    const rolloutId = fixture.fleet.current.manifests.get('stable')?.rolloutId ?? '';
    const path = `/v1/rollouts/${rolloutId.slice(0, 10)}`;
    const rollout = RolloutView.parse(bodyOf(await fixture.call('olivia', { path }), 200));
    assert.equal(rollout.hostStates.length, 3);
    errorOf(await fixture.call('olivia', { path: '/v1/hosts/nobody' }), 404);
    errorOf(await fixture.call('olivia', { path: '/v1/why/constructor' }), 404);
    errorOf(await fixture.call('olivia', { path: `/v1/rollouts/${'0'.repeat(64)}` }), 404);
  });
});

describe('held check-ins', () => {
  const seenAll = async (fixture: Fixture, host: string) => {
    const reply = await fixture.checkin(host);
    return fixture.checkinBody(host, { head: reply.head, go: reply.goId });
  };

  /** Null where there is no answer yet: on a clock that stands still, one that is only waited for never comes. */
  const soon = async (fixture: Fixture, answer: Promise<ApiResponse>): Promise<ApiResponse | null> => {
    let found: ApiResponse | null = null;
    void answer.then((response) => {
      found = response;
    });
    await fixture.settle();
    return found;
  };

  test('held while nothing differs, answered at once by a new head', async () => {
    await using fixture = await Fixture.start();
    await fixture.join(...hosts);
    const body = await seenAll(fixture, 'web-1');
    let reply: unknown = null;
    const headers = { prefer: 'wait=60' };
    const held = fixture
      .call('web-1', { method: 'POST', path: '/v1/agent/checkin', body, headers })
      .then((response) => {
        reply = bodyOf(response, 200);
      });
    await fixture.clock.advance(20_000);
    assert.equal(reply, null);
    await fixture.publish(newCanary);
    await held;
    assert.equal(CheckinReply.parse(reply).head, await sha256Hex(nodeCrypto, fixture.head));
  });

  test('answered when its time is over, never after the longest allowed', async () => {
    await using fixture = await Fixture.start();
    await fixture.join(...hosts);
    const body = await seenAll(fixture, 'web-1');
    let isAnswered = false;
    const headers = { prefer: 'wait=999999' };
    const held = fixture.call('web-1', { method: 'POST', path: '/v1/agent/checkin', body, headers }).then(() => {
      isAnswered = true;
    });
    await fixture.clock.advance(118_000);
    assert.equal(isAnswered, false);
    await fixture.clock.advance(2000);
    assert.equal(isAnswered, true);
    await held;
  });

  test('a newer check-in of the host ends the older; a client that leaves is forgotten; a stop answers all', async () => {
    await using fixture = await Fixture.start();
    await fixture.join(...hosts);
    const body = await seenAll(fixture, 'web-1');
    const options = { method: 'POST', path: '/v1/agent/checkin', body, headers: { prefer: 'wait=100' } };
    const first = fixture.call('web-1', options);
    await fixture.settle();
    const leaving = new AbortController();
    const second = fixture.call('web-1', { ...options, signal: leaving.signal });
    assert.equal((await soon(fixture, first))?.status, 200);
    await fixture.settle();
    leaving.abort();
    assert.equal((await soon(fixture, second))?.status, 503);
    const third = fixture.call('web-1', options);
    await fixture.settle();
    await fixture.controlPlane[Symbol.asyncDispose]();
    assert.equal((await soon(fixture, third))?.status, 200);
  });

  test('an idle fleet writes nothing', async () => {
    await using fixture = await Fixture.start();
    await fixture.join(...hosts);
    const before = await fixture.store.position();
    for (let i = 0; i < 20; i++) for (const host of hosts) await fixture.checkin(host);
    await fixture.settle();
    assert.equal(await fixture.store.position(), before);
  });
});

describe('who may do what', () => {
  test('hosts their own things, operators reading, others nothing', async () => {
    await using fixture = await Fixture.start();
    await fixture.join('canary');
    const journal = await fixture.fleet.journal('canary');
    const events = { journal: journal.journal, events: journal.events };
    const post = { method: 'POST', path: '/v1/agent/events', body: events };
    assert.equal(errorOf(await fixture.call('olivia', post), 403).error, 'not-allowed');
    assert.equal(errorOf(await fixture.call('web-1', post), 422).error, 'bad-event');
    assert.equal(errorOf(await fixture.call('canary', { path: '/v1/fleet' }), 403).error, 'not-allowed');
    assert.equal(errorOf(await fixture.call(null, { path: '/v1/fleet' }), 401).error, 'unauthenticated');
    const unknown = { path: '/v1/fleet', key: 'a'.repeat(64) };
    assert.equal(errorOf(await fixture.call(null, unknown), 403).error, 'unknown-key');
    assert.equal(errorOf(await fixture.call(null, { ...unknown, path: '/nothing' }), 403).error, 'unknown-key');
    assert.equal(errorOf(await fixture.call('olivia', { path: '/nothing' }), 404).error, 'not-found');
    assert.equal(
      errorOf(await fixture.call('olivia', { method: 'DELETE', path: '/v1/fleet' }), 404).error,
      'not-found',
    );
    assert.deepEqual(
      (await fixture.view()).unknownKeys.map(({ fingerprint, count }) => [fingerprint, count]),
      [['a'.repeat(64), 2]],
    );
  });

  test('health, readiness and metrics for this machine and operators; refresh for anybody', async () => {
    await using fixture = await Fixture.start();
    for (const path of ['/healthz', '/metrics']) {
      assert.equal((await fixture.call(null, { path, address: '127.0.0.1' })).status, 200);
      assert.equal((await fixture.call(null, { path, address: '::ffff:127.0.0.1' })).status, 200);
      assert.equal((await fixture.call('olivia', { path })).status, 200);
      assert.equal((await fixture.call(null, { path })).status, 401);
      assert.equal((await fixture.call('canary', { path })).status, 403);
    }
    assert.equal((await fixture.call(null, { method: 'POST', path: '/v1/refresh' })).status, 202);
  });

  test('nobody keeps a connection that is not declared, this machine aside', async () => {
    await using fixture = await Fixture.start();
    const refresh = { method: 'POST', path: '/v1/refresh' };
    assert.equal((await fixture.call(null, refresh)).closes, true);
    assert.equal((await fixture.call(null, { path: '/metrics' })).closes, true);
    assert.notEqual((await fixture.call(null, { path: '/metrics', address: '127.0.0.1' })).closes, true);
    assert.notEqual((await fixture.call('canary', refresh)).closes, true);
  });

  test('another protocol is told so', async () => {
    await using fixture = await Fixture.start();
    for (const value of ['2', '', '1 ', '1\n1']) {
      const headers = { 'x-nixfleet-protocol': value };
      assert.equal(
        errorOf(await fixture.call('olivia', { path: '/v1/fleet', headers }), 426).error,
        'unsupported-protocol',
      );
    }
  });

  test('a removed or rotated key is refused from the release on', async () => {
    await using fixture = await Fixture.start();
    await fixture.join(...hosts);
    const fresh = await testKey('web-1, rotated');
    await fixture.publish((next) => next.hosts['web-1']?.pubkeys.push(fresh.openssh));
    const path = '/v1/signed/head.json';
    assert.equal((await fixture.call('web-1', { path })).status, 200);
    assert.equal((await fixture.call(null, { path, key: fresh.keyId })).status, 200);
    await fixture.publish((next) => {
      the(next.hosts['web-1']).pubkeys = [fresh.openssh];
      withoutWeb2(next);
    });
    assert.equal(errorOf(await fixture.call('web-1', { path }), 403).error, 'unknown-key');
    assert.equal(errorOf(await fixture.call('web-2', { path }), 403).error, 'unknown-key');
    assert.equal((await fixture.call(null, { path, key: fresh.keyId })).status, 200);
  });

  test('10,000 unknown keys leave a bounded list, and one address does not crowd out another', async () => {
    await using fixture = await Fixture.start();
    const keyOf = (i: number) => i.toString(16).padStart(64, '0');
    await fixture.call(null, { path: '/v1/fleet', key: keyOf(1), address: '198.51.100.1' });
    for (let i = 2; i < 5000; i++) {
      await fixture.call(null, { path: '/v1/fleet', key: keyOf(i), address: '203.0.113.9' });
    }
    const listed = (await fixture.view()).unknownKeys;
    assert.equal(listed.length, 17);
    assert.ok(listed.some(({ fingerprint }) => fingerprint === keyOf(1)));
    for (let i = 5000; i < 10_001; i++) {
      await fixture.call(null, { path: '/v1/fleet', key: keyOf(i), address: `10.0.${i >> 8}.${i & 255}` });
    }
    const { unknownKeys } = await fixture.view();
    assert.equal(unknownKeys.length, 256);
    assert.equal(unknownKeys[0]?.fingerprint, keyOf(10_000), 'newest first');
  });

  test('rates: a noisy host and a noisy address use up their own', async () => {
    const rate = { perSecond: 1, burst: 20, bucketsMax: 100 };
    await using fixture = await Fixture.start({ limits: { identityRequests: rate, addressRequests: rate } });
    const head = { path: '/v1/signed/head.json' };
    const statuses = [];
    for (let i = 0; i < 22; i++) statuses.push((await fixture.call('canary', head)).status);
    assert.deepEqual(statuses.slice(-3), [200, 429, 429]);
    assert.equal((await fixture.call('web-1', head)).status, 200);
    await fixture.clock.advance(2000);
    assert.equal((await fixture.call('canary', head)).status, 200);
    const stranger = { path: '/v1/fleet', key: 'b'.repeat(64), address: '203.0.113.9' };
    for (let i = 0; i < 20; i++) await fixture.call(null, stranger);
    assert.equal((await fixture.call(null, stranger)).status, 429);
    assert.equal((await fixture.call(null, { ...stranger, address: '203.0.113.10' })).status, 403);
  });
});

describe('signed files', () => {
  test('the stored bytes, untouched, those by hash for good', async () => {
    await using fixture = await Fixture.start();
    let served = 0;
    for (const [path, bytes] of fixture.fleet.files) {
      const response = await fixture.call('canary', { path: `/v1/signed/${path}` });
      assert.equal(response.status, 200, path);
      assert.deepEqual(response.body, bytes, path);
      const isByHash = /^(?:release|fleet|rollouts)\/[0-9a-f]{64}\.json$/.test(path);
      assert.equal(response.headers['cache-control']?.includes('immutable'), isByHash, path);
      served++;
    }
    assert.ok(served >= 8);
  });

  test('no traversal, no encodings, nothing else', async () => {
    await using fixture = await Fixture.start();
    for (const path of [
      '../control-plane.sqlite',
      'trust/../head.json',
      '%2e%2e/head.json',
      'trust/%31.json',
      '/etc/passwd',
      'head.json/',
      'head.json%00',
      'HEAD.json',
      'trust/01.json',
      `fleet/${'0'.repeat(64)}.json`,
    ]) {
      assert.equal(errorOf(await fixture.call('canary', { path: `/v1/signed/${path}` }), 404).error, 'not-found', path);
    }
  });
});

describe('malformed requests', () => {
  const bodies: readonly [string, Uint8Array | object][] = [
    ['nothing', new Uint8Array(0)],
    ['no JSON', new TextEncoder().encode('{')],
    ['no UTF-8', new Uint8Array([0x22, 0xff, 0x22])],
    ['deep', new TextEncoder().encode('['.repeat(500_000))],
    ['another shape', { journal: 'x', events: [] }],
    [
      'too many events',
      {
        journal: '0'.repeat(32),
        events: Array.from({ length: 501 }, () => ({ event: '{}', signature: 'x'.repeat(88) })),
      },
    ],
  ];
  for (const [name, body] of bodies) {
    test(name, async () => {
      await using fixture = await Fixture.start();
      for (const path of ['/v1/agent/checkin', '/v1/agent/events']) {
        const { error } = errorOf(await fixture.call('canary', { method: 'POST', path, body }), 400);
        assert.equal(error, 'malformed');
      }
    });
  }

  test('queries', async () => {
    await using fixture = await Fixture.start();
    for (const query of [
      'after=-1',
      'after=x',
      'last=x',
      'last=-1',
      'limit=0',
      'host=..',
      'after=99999999999999999999',
    ]) {
      errorOf(await fixture.call('olivia', { path: `/v1/events?${query}` }), 400);
    }
    errorOf(await fixture.call('olivia', { path: `/v1/events?${'x'.repeat(2000)}` }), 404);
  });

  test('the last entries of the log, by their number', async () => {
    await using fixture = await Fixture.start();
    await fixture.join('canary', 'web-1', 'web-2', 'db');
    const positions = async (query: string): Promise<number[]> => {
      const view = bodyOf(await fixture.call('olivia', { path: `/v1/events?limit=500&${query}` }), 200);
      return EventsView.parse(view).events.map(({ position }) => position);
    };
    const all = await positions('after=0');
    const end = await fixture.store.position();
    assert.ok(all.length > 2);
    for (const last of [0, 1, 2, end, end + 10]) {
      assert.deepEqual(
        await positions(`last=${last}`),
        all.filter((position) => position > end - last),
        String(last),
      );
    }
  });
});
