import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { addSeconds, headPath, holdPath, resumePath, rolloutPath, trustPath } from '@nixfleet/contracts';
import { createTestFleet, putSigned } from '@nixfleet/testkit';
import { ControlPlaneError } from '../errors.ts';
import { bodyOf, Fixture, memoryStore, newCanary, the } from '../fixture.test.ts';
import type { Readiness } from '../readiness.ts';

async function readiness(fixture: Fixture, status: number): Promise<Readiness> {
  return bodyOf(await fixture.call(null, { path: '/readyz', address: '127.0.0.1' }), status) as Readiness;
}

/** The whole tree as it is now, to be offered again later. */
function copyOf(fixture: Fixture): Map<string, Uint8Array> {
  return new Map(fixture.fleet.files);
}

function offer(fixture: Fixture, files: ReadonlyMap<string, Uint8Array>): void {
  fixture.fleet.files.clear();
  for (const [path, bytes] of files) fixture.fleet.files.set(path, bytes);
}

describe('whatever the source does, the last good release stays', () => {
  test('it fails, and comes back', async () => {
    await using fixture = await Fixture.start();
    await fixture.join('canary', 'web-1', 'web-2', 'db');
    fixture.source.failure = 'host is down';
    await fixture.refresh();
    const { ready, problems, release } = await readiness(fixture, 200);
    assert.equal(ready, true);
    assert.equal(release, 1);
    assert.match(problems.join(), /release source \(memory\) failed: host is down/);
    assert.match((await fixture.view()).problems.join(), /host is down/);
    assert.equal((await fixture.checkin('canary')).go?.wave, 0, 'the last good release is still rolled out');
    fixture.source.failure = null;
    await fixture.refresh();
    assert.deepEqual((await readiness(fixture, 200)).problems, []);
  });

  const refusals: readonly { name: string; reason: RegExp; change: (fixture: Fixture) => Promise<void> }[] = [
    {
      name: 'a rolled back head',
      reason: /rolled-back/,
      change: async (fixture) => {
        const old = copyOf(fixture);
        await fixture.publish();
        offer(fixture, old);
      },
    },
    {
      name: 'an equivocating head',
      reason: /equivocation/,
      change: async ({ fleet }) => {
        const { version } = fleet.headDocument;
        await fleet.signHead((draft) => {
          draft.version = version;
          draft.expiresAt = addSeconds(draft.expiresAt, 1);
        });
      },
    },
    {
      name: 'a head by another key',
      reason: /too-few-signers/,
      change: async ({ fleet }) => {
        await fleet.signHead(() => {}, ['ci']);
      },
    },
    {
      name: 'a head from the future',
      reason: /future-dated/,
      change: async ({ fleet }) => {
        await fleet.signHead((draft) => {
          draft.signedAt = addSeconds(fleet.now, 7200);
          draft.expiresAt = addSeconds(fleet.now, 9000);
        });
      },
    },
    {
      name: 'a release that the release role did not sign',
      reason: /too-few-signers/,
      change: async ({ fleet }) => {
        await fleet.publish(() => {}, { signedBy: ['ci-head'] });
      },
    },
    {
      name: 'a stolen head key that names an old release',
      reason: /rolled-back/,
      change: async (fixture) => {
        const { release } = fixture.fleet.headDocument;
        await fixture.publish();
        await fixture.fleet.signHead((draft) => {
          draft.release = release;
        });
      },
    },
    {
      name: 'a manifest that is not there',
      reason: /missing/,
      change: async ({ fleet }) => {
        const { manifests } = await fleet.publish(newCanary);
        fleet.files.delete(rolloutPath(the(manifests.get('stable')).rolloutId));
      },
    },
    {
      name: 'a tampered manifest',
      reason: /hash-mismatch|size-mismatch/,
      change: async ({ fleet }) => {
        const { manifests } = await fleet.publish(newCanary);
        const path = rolloutPath(the(manifests.get('stable')).rolloutId);
        const bytes = the(fleet.files.get(path)).slice();
        bytes[bytes.length - 20] = (bytes[bytes.length - 20] ?? 0) ^ 1;
        fleet.files.set(path, bytes);
      },
    },
    {
      name: 'no head',
      reason: /missing/,
      change: async ({ fleet }) => {
        fleet.files.delete(headPath);
      },
    },
  ];
  for (const { name, reason, change } of refusals) {
    test(name, async () => {
      await using fixture = await Fixture.start();
      await fixture.join('canary', 'web-1', 'web-2', 'db');
      await change(fixture);
      const before = await fixture.view();
      const { head } = await fixture.checkin('canary');
      await fixture.refresh();
      const after = await fixture.view();
      assert.match(after.problems.join(), reason);
      assert.deepEqual(after.release, before.release);
      assert.equal((await fixture.checkin('canary')).head, head);
      // And the next good one is taken again.
      await fixture.restart();
      assert.deepEqual((await fixture.view()).release, before.release, 'also after a restart, from what is stored');
    });
  }
});

describe('brakes', () => {
  test('a hold stops its channel, and no other, until it runs out', async () => {
    await using fixture = await Fixture.start();
    await fixture.join('canary', 'web-1', 'web-2', 'db');
    await fixture.fleet.hold('stable', { reason: 'incident 7', seconds: 3600 });
    await fixture.refresh();
    const held = await fixture.checkin('canary');
    assert.equal(held.go, undefined);
    assert.deepEqual(
      held.withheld?.map(({ code, reason }) => [code, reason]),
      [['hold', 'incident 7']],
    );
    await fixture.clock.advance(3600_000);
    await fixture.checkin('canary');
    await fixture.settle();
    assert.equal((await fixture.checkin('canary')).go?.wave, 0);
  });

  test('a hold that the head names and the source does not have stops everything', async () => {
    await using fixture = await Fixture.start();
    await fixture.join('canary', 'web-1', 'web-2', 'db');
    assert.equal((await fixture.checkin('canary')).go?.wave, 0);
    const { sha256 } = await fixture.fleet.hold('data');
    const path = holdPath(sha256);
    const bytes = the(fixture.fleet.files.get(path));
    fixture.fleet.files.delete(path);
    await fixture.refresh();
    const held = await fixture.checkin('canary');
    assert.equal(held.go, undefined);
    assert.equal(held.withheld?.[0]?.code, 'hold');
    fixture.fleet.files.set(path, bytes);
    await fixture.refresh();
    assert.equal((await fixture.checkin('canary')).go?.wave, 0);
    assert.equal((await fixture.checkin('db')).withheld?.[0]?.code, 'hold');
  });

  test('a hold that no head names yet stops its channel at once, survives a restart, and takes go back', async () => {
    await using fixture = await Fixture.start();
    await fixture.join('canary', 'web-1', 'web-2', 'db');
    const before = await fixture.checkin('canary');
    assert.equal(before.go?.wave, 0);
    const { sha256 } = await fixture.fleet.hold('stable', { reason: 'incident 7', isNamed: false });
    const obeyed = async (): Promise<void> => {
      const held = await fixture.checkin('canary');
      assert.equal(held.go, undefined);
      assert.deepEqual(
        held.withheld?.map(({ code, reason }) => [code, reason]),
        [['hold', 'incident 7']],
      );
      assert.equal((await fixture.checkin('db')).withheld?.some(({ code }) => code === 'hold') ?? false, false);
    };
    await fixture.refresh();
    await obeyed();
    assert.deepEqual(fixture.fleet.headDocument.holds, []);
    fixture.source.failure = 'host is down';
    await fixture.restart();
    await obeyed();
    fixture.source.failure = null;

    const kept = copyOf(fixture);
    await fixture.fleet.resume(sha256, { approvedBy: ['ci-head'], isNamed: false });
    await fixture.refresh();
    await obeyed();
    offer(fixture, kept);
    await fixture.fleet.resume(sha256, { isNamed: false });
    await fixture.refresh();
    assert.equal((await fixture.checkin('canary')).go?.wave, 0, 'nothing but the control plane was bound by it');
  });

  test('what approvers ended still binds until a head drops it', async () => {
    await using fixture = await Fixture.start();
    await fixture.join('canary', 'web-1', 'web-2', 'db');
    const { sha256 } = await fixture.fleet.hold('stable');
    await fixture.fleet.resume(sha256, { isNamed: false });
    await fixture.refresh();
    assert.equal((await fixture.checkin('canary')).withheld?.[0]?.code, 'hold');
    await fixture.fleet.signHead();
    await fixture.refresh();
    assert.equal((await fixture.checkin('canary')).go?.wave, 0);
  });

  test('a hold counts in a tree that is refused otherwise; what no approver signed stops nobody', async () => {
    await using fixture = await Fixture.start();
    await fixture.join('canary', 'web-1', 'web-2', 'db');
    await fixture.fleet.hold('data', { approvedBy: ['ci', 'root-1'], isNamed: false });
    fixture.fleet.files.set(`holds/${'1'.repeat(64)}.json`, new Uint8Array([1]));
    fixture.fleet.files.set('holds/README.json', new Uint8Array([1]));
    await fixture.refresh();
    assert.deepEqual((await fixture.view()).problems, []);
    assert.equal((await fixture.checkin('canary')).go?.wave, 0);
    const { sha256 } = await fixture.fleet.hold('stable', { isNamed: false });
    const end = resumePath(sha256);
    fixture.source.unreadable.add(`holds/${'1'.repeat(64)}.json`).add(end);
    fixture.fleet.files.set(end, new Uint8Array([1]));
    await fixture.refresh();
    assert.equal((await fixture.checkin('canary')).withheld?.[0]?.code, 'hold', 'neither hides the hold');
    fixture.source.unreadable.add(holdPath(sha256));
    await fixture.refresh();
    assert.equal((await fixture.checkin('canary')).withheld?.[0]?.code, 'hold', 'what cannot be read now is kept');
    fixture.source.unreadable.clear();
    fixture.fleet.files.delete(headPath);
    await fixture.refresh();
    assert.match((await fixture.view()).problems.join(), /missing/);
    assert.equal((await fixture.checkin('canary')).withheld?.[0]?.code, 'hold');
  });

  test('an expired head starts nothing, also after a restart, and identities stay known', async () => {
    await using fixture = await Fixture.start({ fleetOptions: { headSeconds: 600 } });
    await fixture.join('canary', 'web-1', 'web-2', 'db');
    assert.equal((await fixture.checkin('canary')).go?.wave, 0);
    await fixture.clock.advance(601_000);
    await fixture.checkin('canary');
    await fixture.settle();
    const late = await fixture.checkin('canary');
    assert.equal(late.go, undefined);
    assert.equal(late.withheld?.[0]?.code, 'head-expired');
    assert.match((await readiness(fixture, 503)).missing.join(), /head expired/);
    await fixture.restart();
    assert.equal((await fixture.checkin('canary')).withheld?.[0]?.code, 'head-expired');
    fixture.fleet.now = fixture.clock.instant();
    await fixture.fleet.signHead();
    await fixture.refresh();
    assert.equal((await fixture.checkin('canary')).go?.wave, 0);
  });
});

describe('trust and floors', () => {
  test('trust is walked, kept, served, and never goes back', async () => {
    const fleet = await createTestFleet();
    await fleet.publish();
    await using fixture = await Fixture.start();
    await fixture.join('canary', 'web-1', 'web-2', 'db');
    const first = copyOf(fixture);
    await fixture.fleet.nextTrust((draft) => {
      draft.roles.head.signers = ['ci-spare' as never];
    });
    await fixture.refresh();
    assert.equal((await fixture.checkin('canary')).trustVersion, 2);
    assert.match((await fixture.view()).problems.join(), /too-few-signers/, 'its head is by a revoked key');
    await fixture.fleet.signHead(() => {}, ['ci-spare']);
    await fixture.refresh();
    assert.deepEqual((await fixture.view()).problems, []);
    for (const version of [1, 2]) {
      assert.equal((await fixture.call('canary', { path: `/v1/signed/${trustPath(version)}` })).status, 200);
    }
    offer(fixture, first);
    await fixture.refresh();
    await fixture.restart();
    await fixture.refresh();
    const view = await fixture.view();
    assert.equal(view.trustVersion, 2);
    assert.equal(view.head?.version, 2);
  });

  test('a new head key resets the floor of the head', async () => {
    await using fixture = await Fixture.start();
    await fixture.fleet.signHead((draft) => {
      draft.version = 1_000_000;
    });
    await fixture.refresh();
    await fixture.fleet.nextTrust((draft) => {
      draft.roles.head.signers = ['ci-spare' as never];
    });
    await fixture.fleet.signHead(
      (draft) => {
        draft.version = 2;
      },
      ['ci-spare'],
    );
    await fixture.refresh();
    assert.equal((await fixture.view()).head?.version, 2);
  });

  test('what is stored must lead to its own floor, or nothing starts', async () => {
    const store = memoryStore();
    await using fixture = await Fixture.start({ store });
    await fixture.fleet.nextTrust(() => {});
    await fixture.refresh();
    const stored = await store.loadRelease();
    assert.ok(stored);
    await fixture.controlPlane[Symbol.asyncDispose]();
    const files = new Map(stored.files);
    files.delete(trustPath(2));
    await store.saveRelease({ ...stored, files });
    await assert.rejects(
      fixture.boot(),
      (error) => error instanceof ControlPlaneError && error.code === 'state-unreadable',
    );
    await store.saveRelease({ ...stored, trust: { ...stored.trust, sha256: 'f'.repeat(64) as never } });
    await assert.rejects(fixture.boot(), (error) => error instanceof ControlPlaneError && error.code === 'bad-trust');
    await store.saveRelease(stored);
    await fixture.boot();
  });

  test('a second trust document under the same version is told', async () => {
    await using fixture = await Fixture.start();
    const draft = structuredClone(fixture.fleet.trustDocument);
    draft.cacheKeys = [`other:${Buffer.alloc(32, 9).toString('base64')}`];
    putSigned(fixture.fleet.files, trustPath(1), await fixture.fleet.sign(draft, ['root-1', 'root-2']));
    await fixture.refresh();
    assert.match((await fixture.view()).problems.join(), /equivocation/);
  });

  test('no release at all: nobody is known, and readiness says so', async () => {
    await using fixture = await Fixture.start({ prepare: async () => {} });
    assert.match((await readiness(fixture, 503)).missing.join(), /no release/);
    assert.equal((await fixture.call('canary', { path: '/v1/signed/head.json' })).status, 503);
    await fixture.fleet.publish();
    await fixture.refresh();
    assert.equal((await fixture.call('canary', { path: '/v1/signed/head.json' })).status, 200);
  });
});

describe('polling', () => {
  test('however many ask, one fetch in five seconds', async () => {
    await using fixture = await Fixture.start();
    await fixture.clock.advance(6000);
    const before = fixture.source.opened;
    for (let i = 0; i < 50; i++) fixture.controlPlane.refresh();
    await fixture.settle();
    assert.equal(fixture.source.opened, before + 1);
    for (let i = 0; i < 50; i++) fixture.controlPlane.refresh();
    await fixture.clock.advance(4000);
    assert.equal(fixture.source.opened, before + 1);
    await fixture.clock.advance(2000);
    assert.equal(fixture.source.opened, before + 2, 'what was asked meanwhile is not forgotten');
    await fixture.clock.advance(34_000);
    assert.equal(fixture.source.opened, before + 3, 'and it polls by itself');
  });

  test('a poll of its own keeps nobody waiting who asks a moment later', async () => {
    await using fixture = await Fixture.start();
    const before = fixture.source.opened;
    await fixture.clock.advance(33_000);
    const polled = fixture.source.opened;
    assert.ok(polled > before);
    fixture.controlPlane.refresh();
    await fixture.settle();
    assert.equal(fixture.source.opened, polled + 1);
  });
});
