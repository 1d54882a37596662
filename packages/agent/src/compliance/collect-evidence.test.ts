import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import {
  BootId,
  type CollectionContext,
  FleetName,
  msToInstant,
  NarHash,
  type StorePath,
  sha256Hex,
  utf8,
} from '@nixfleet/contracts';
import { nodeCrypto } from '@nixfleet/contracts/node-crypto';
import { verifyEvidence } from '@nixfleet/evidence';
import { createTestFleet, FakeClock, SeededRandom, TestEvidence, testKey } from '@nixfleet/testkit';
import { AgentError } from '../errors.ts';
import { fileSystem } from '../file-system.ts';
import type { Files } from '../files.ts';
import { collectEvidence, measureHost } from './collect-evidence.ts';
import { CollectorDirectory } from './collector-directory.ts';

const directories: string[] = [];
after(() => {
  for (const directory of directories) rmSync(directory, { recursive: true });
});
const closure = `/nix/store/${'1'.repeat(32)}-nixos-system` as StorePath;

class CollectorWorld {
  readonly directory = mkdtempSync(join(tmpdir(), 'nixfleet-collector-'));
  readonly clock: FakeClock;
  readonly evidence: TestEvidence;
  readonly random = new SeededRandom(7);
  files: Files = fileSystem;
  retentionDays = 90;
  key = 'host:web-1';
  failing: readonly string[] = [];
  asked: readonly string[] = [];

  private constructor(clock: FakeClock, evidence: TestEvidence) {
    this.clock = clock;
    this.evidence = evidence;
    directories.push(this.directory);
  }

  static async create(): Promise<CollectorWorld> {
    const fleet = await createTestFleet();
    await fleet.publish();
    return new CollectorWorld(new FakeClock(fleet.now), new TestEvidence(fleet, 'web-1'));
  }

  async collect(nonce: string | null = null) {
    const { catalogue, catalogueBytes } = this.evidence;
    const { directory, retentionDays } = this;
    const catalogueSha256 = await sha256Hex(nodeCrypto, catalogueBytes);
    const fleet = FleetName.parse('demo');
    const options = { catalogue, catalogueSha256, directory, fleet, retentionDays, nonce };
    return collectEvidence(options, { ...this.deps(), signer: await testKey(this.key) });
  }

  async look() {
    const { catalogue, catalogueBytes } = this.evidence;
    const catalogueSha256 = await sha256Hex(nodeCrypto, catalogueBytes);
    const { directory } = this;
    return measureHost({ catalogue, catalogueSha256, directory, fleet: FleetName.parse('demo') }, this.deps());
  }

  deps(): Parameters<typeof measureHost>[1] {
    const { clock, random, files } = this;
    return {
      ...{ files, clock, random, crypto: nodeCrypto },
      facts: async () => ({
        bootId: BootId.parse('boot-1'),
        clock: { synced: true, source: null, offsetMs: null },
        system: {
          toplevel: closure,
          narHash: NarHash.parse(`sha256:${'0'.repeat(52)}`),
          bootedToplevel: closure,
          generation: 1,
          configurationRevision: null,
          kernel: '6.12.1',
        },
      }),
      run: async (tasks) => {
        this.asked = tasks.map(({ ruleId }) => ruleId);
        const runs = tasks.map(({ ruleId }) => {
          const stdout = utf8(JSON.stringify({ violationCount: this.failing.includes(ruleId) ? 1 : 0 }));
          return [ruleId, { exitCode: 0, durationMs: 1, stdout }] as const;
        });
        return new Map(runs);
      },
    };
  }

  get kept(): CollectorDirectory {
    return new CollectorDirectory(fileSystem, this.directory);
  }

  async verified() {
    const signed = await this.kept.newest();
    assert.ok(signed);
    const keys = [{ key: (await testKey(this.key)).publicKey, from: '2000-01-01T00:00:00Z' as never, until: null }];
    const ctx = { crypto: nodeCrypto, fleet: FleetName.parse('demo') };
    const verified = await verifyEvidence(ctx, { signed, host: 'web-1' as never, keys, now: this.clock.instant() });
    assert.ok(verified.ok, verified.ok ? '' : verified.detail);
    return verified.value;
  }

  context(change: Partial<CollectionContext> = {}): CollectionContext {
    return {
      schemaVersion: 1,
      fleet: FleetName.parse('demo'),
      host: 'web-1' as never,
      closure,
      closureDigest: 'a'.repeat(64) as never,
      release: null,
      mode: 'permissive',
      channel: 'stable' as never,
      tags: [],
      waivers: [],
      waiverRegister: null,
      ...change,
    };
  }
}

describe('a collector', () => {
  test('measures, signs and chains; what it keeps is what an agent reads', async () => {
    const world = await CollectorWorld.create();
    const first = await world.collect();
    assert.deepEqual([first.sequence, first.trigger, first.release], [1, 'timer', null]);
    assert.deepEqual(world.asked, ['AC-01', 'AC-02', 'AL-01']);
    await world.clock.advance(1000);
    world.failing = ['AC-01'];
    const second = await world.collect();
    const { document } = await world.verified();
    assert.deepEqual([document.sequence, document.chain, document.summary.fail], [2, first.chain, 1]);
    assert.deepEqual(document, second);
    const all = await world.kept.documents(null);
    assert.equal(all.length, 2);
    assert.deepEqual(await world.kept.documents(first), all.slice(1));
    assert.deepEqual(await world.kept.documents(second), []);
  });

  test('a look measures as a collection does, and leaves the directory and its order as they were', async () => {
    const world = await CollectorWorld.create();
    const order = { schemaVersion: 1, trigger: 'activation', nonce: null, at: world.clock.instant() } as const;
    await world.kept.ask(world.context(), order);
    const before = readdirSync(world.directory, { recursive: true });
    world.failing = ['AC-01'];
    const found = await world.look();
    assert.deepEqual([found.governance.mode, found.summary.fail, found.trigger], ['permissive', 1, 'manual']);
    assert.deepEqual(world.asked, ['AC-01', 'AC-02', 'AL-01']);
    assert.deepEqual(readdirSync(world.directory, { recursive: true }), before);
    assert.equal((await world.collect()).trigger, 'activation');
  });

  test('what the agent verified counts for its own closure and host alone, and an order is used once', async () => {
    const world = await CollectorWorld.create();
    const order = { schemaVersion: 1, trigger: 'activation', nonce: null, at: world.clock.instant() } as const;
    await world.kept.ask(world.context(), order);
    const told = await world.collect();
    assert.deepEqual(
      [told.trigger, told.system.closureDigest, told.governance.mode],
      ['activation', 'a'.repeat(64), 'permissive'],
    );
    assert.equal((await world.collect()).trigger, 'timer');
    for (const change of [{ closure: closure.replace('1', '2') as StorePath }, { host: 'web-2' as never }]) {
      await world.kept.ask(world.context(change), order);
      const alone = await world.collect();
      assert.deepEqual([alone.system.closureDigest, alone.governance.mode], [null, 'enforce'], JSON.stringify(change));
    }
    writeFileSync(join(world.directory, 'context.json'), '{');
    assert.equal((await world.collect()).system.closureDigest, null);
    const nonce = 'ab'.repeat(16);
    const challenged = await world.collect(nonce);
    assert.deepEqual([challenged.trigger, challenged.nonce], ['challenge', nonce]);
  });

  test('cut off at any write, the chain goes on from the last whole document', async () => {
    for (let writes = 0; writes < 7; writes++) {
      const world = await CollectorWorld.create();
      const first = await world.collect();
      await world.clock.advance(1000);
      let left = writes;
      world.files = {
        ...fileSystem,
        write: async (path, bytes) => {
          if (left-- <= 0) throw new AgentError('disk-full', 'no space left on device');
          await fileSystem.write(path, bytes);
        },
      };
      await assert.rejects(world.collect(), { code: 'disk-full' });
      world.files = fileSystem;
      await world.clock.advance(1000);
      const next = await world.collect();
      assert.equal(next.chain, first.chain, `after ${writes} writes`);
      assert.equal(next.sequence, writes >= 3 ? 3 : 2, `after ${writes} writes`);
      assert.equal((await world.verified()).document.sequence, next.sequence);
    }
  });

  test('after a clock that was far ahead the chain begins once, goes on, and is read in its own order', async () => {
    const world = await CollectorWorld.create();
    const day = 86_400_000;
    const now = world.clock.now();
    world.clock.setWall(msToInstant(now + 30 * day));
    for (let i = 0; i < 5; i++) {
      await world.collect();
      await world.clock.advance(3_600_000);
    }
    world.clock.setWall(msToInstant(now));
    const first = await world.collect();
    assert.equal(first.sequence, 1, 'nothing of the future is gone on from');
    await world.clock.advance(1000);
    const second = await world.collect();
    assert.deepEqual([second.chain, second.sequence], [first.chain, 2]);
    // And one whose clock runs a little back in between, within what is believed.
    world.clock.setWall(msToInstant(now - 30_000));
    const third = await world.collect();
    assert.deepEqual([third.chain, third.sequence], [first.chain, 3]);
    const read = (await world.kept.documents(null)).map(
      ({ bytes }) => JSON.parse(new TextDecoder().decode(bytes)).sequence,
    );
    assert.deepEqual(read, [1, 2, 3]);
  });

  test('after a clock that ran ahead for a while another chain begins, and is kept to once that time has come', async () => {
    const world = await CollectorWorld.create();
    const hour = 3_600_000;
    const before = await world.collect();
    const now = world.clock.now();
    world.clock.setWall(msToInstant(now + 2 * hour));
    assert.deepEqual([(await world.collect()).sequence, (await world.collect()).chain], [2, before.chain]);
    world.clock.setWall(msToInstant(now));
    const numbers: number[] = [];
    const chains = new Set<string>();
    for (let i = 0; i < 4; i++) {
      const { chain, sequence } = await world.collect();
      numbers.push(sequence);
      chains.add(chain);
      await world.clock.advance(hour);
    }
    assert.deepEqual(numbers, [1, 2, 3, 4]);
    assert.equal(chains.size, 1);
    assert.ok(!chains.has(before.chain), 'numbers 2 and 3 of it are taken');
  });

  test('another key, or nothing that can be read, begins a new chain', async () => {
    const world = await CollectorWorld.create();
    const first = await world.collect();
    world.key = 'host:web-2';
    await world.clock.advance(1000);
    const second = await world.collect();
    assert.notEqual(second.chain, first.chain);
    assert.equal(second.sequence, 1);
    assert.equal((await world.kept.documents(null)).length, 1, 'of the chain that is written now');
  });

  test('what is older than the retention is dropped, with its signatures', async () => {
    const world = await CollectorWorld.create();
    world.retentionDays = 1;
    await world.collect();
    await world.clock.advance(90_000_000);
    await world.collect();
    const names = readdirSync(join(world.directory, 'archive'));
    assert.equal(names.length, 3, names.join(' '));
    assert.equal((await world.verified()).document.sequence, 2);
  });
});
