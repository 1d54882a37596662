import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import {
  BootId,
  type ChannelPolicy,
  type ComplianceCatalogue,
  canonicalBytes,
  type DrillFailAt,
  drillAside,
  type EvidenceDocument,
  HostName,
  type Instant,
  type Json,
  NarHash,
  type Sha256Hex,
  sha256Hex,
  utf8,
} from '@nixfleet/contracts';
import { nodeCrypto } from '@nixfleet/contracts/node-crypto';
import { type ChainPosition, followsChain, verifyEvidence } from '@nixfleet/evidence';
import { drilledCatalogue, SeededRandom, testCatalogue, testKey } from '@nixfleet/testkit';
import { MemoryFiles, World } from '../agent-world.test.ts';
import { messageOf } from '../errors.ts';
import { collectEvidence } from './collect-evidence.ts';
import type { Collector } from './collector.ts';
import { CollectorDirectory } from './collector-directory.ts';

const directory = mkdtempSync(join(tmpdir(), 'nixfleet-drilled-'));
after(() => rmSync(directory, { recursive: true }));
const declared = 'etc/nixfleet/compliance.json';
const host = 'canary';
const kept = '/evidence';

function enforce(policy: ChannelPolicy): void {
  policy.compliance = { mode: 'enforce', frameworks: ['nis2'] };
}

function closureWith(name: string, catalogue: ComplianceCatalogue): string {
  const at = join(directory, name);
  mkdirSync(join(at, 'etc/nixfleet'), { recursive: true });
  writeFileSync(join(at, declared), canonicalBytes(catalogue as unknown as Json));
  return at;
}

/** An agent with the real collector in its process; its second release declares a drill. */
class DrilledWorld {
  readonly world: World;
  readonly files = new MemoryFiles();
  readonly #random = new SeededRandom(7);
  readonly #good = closureWith('good', testCatalogue(host));
  #drilled: { readonly closure: string; readonly at: string } | null = null;
  #catalogue = testCatalogue(host);

  constructor(world: World) {
    this.world = world;
    world.host.locate = (path) => {
      const at = this.#drilled && path.startsWith(this.#drilled.closure) ? this.#drilled.at : this.#good;
      return path.replace(/^\/nix\/store\/[^/]+/, at);
    };
    world.collector = this.#collector();
  }

  static async create(): Promise<DrilledWorld> {
    const world = await World.create();
    await world.publish(1, enforce);
    const drilled = new DrilledWorld(world);
    await world.start();
    await world.pass(25);
    assert.equal(world.phase, 'converged');
    return drilled;
  }

  async release(catalogue: ComplianceCatalogue): Promise<void> {
    await this.world.publish(2, enforce);
    const { closure } = await this.world.fleet.target(host);
    this.#drilled = { closure, at: closureWith('drilled', catalogue) };
    this.#catalogue = catalogue;
    await this.world.pass(60);
  }

  #collector(): Collector {
    const lying = new CollectorDirectory(this.files, kept);
    return {
      newest: () => lying.newest(),
      documents: (from) => lying.documents(from),
      collect: async ({ context, order }, signal) => {
        await lying.ask(context, order);
        const running = this.world.host.current;
        assert.ok(running);
        const isDrilled = running === this.#drilled?.closure;
        const catalogue = isDrilled ? this.#catalogue : testCatalogue(host);
        const bytes = canonicalBytes(catalogue as unknown as Json);
        // The real one is stopped after its time; here whoever waits for it has the time of the clock that is advanced.
        const limit = new AbortController();
        const collection = this.#collect(
          catalogue,
          await sha256Hex(nodeCrypto, bytes),
          AbortSignal.any([signal, limit.signal]),
        );
        const timeout = this.world.clock.sleep(1000).then(() => 'timeout' as const);
        const ended = await Promise.race([collection, timeout]).catch(messageOf);
        limit.abort();
        await collection.catch(() => {});
        if (ended === 'ended') return { ok: true };
        if (ended === 'timeout') return { ok: false, reason: 'timeout', detail: 'took too long', exitCode: null };
        return { ok: false, reason: 'collector-failed', detail: ended, exitCode: 1 };
      },
    };
  }

  async #collect(catalogue: ComplianceCatalogue, catalogueSha256: Sha256Hex, signal: AbortSignal): Promise<'ended'> {
    const { world, files } = this;
    const toplevel = world.host.current;
    assert.ok(toplevel);
    await collectEvidence(
      { catalogue, catalogueSha256, directory: kept, fleet: world.fleet.name, retentionDays: 90, nonce: null },
      {
        ...{ files, clock: world.clock, random: this.#random, crypto: nodeCrypto, signal },
        signer: await testKey(`host:${host}`),
        facts: async () => ({
          bootId: BootId.parse('boot-1'),
          clock: { synced: true, source: null, offsetMs: null },
          system: {
            ...{ toplevel, bootedToplevel: toplevel, generation: 1, configurationRevision: null, kernel: '6.12.1' },
            narHash: NarHash.parse(`sha256:${'0'.repeat(52)}`),
          },
        }),
        run: async (tasks) => {
          await this.#assertCopyIsArchived();
          const ran = { exitCode: 0, durationMs: 1 };
          const isDrill = (args: readonly string[]) => args.join(' ').startsWith('synthetic --fail-at runtime');
          return new Map(
            tasks.map(({ ruleId, probe }) => [
              ruleId,
              { ...ran, stdout: utf8(JSON.stringify({ violationCount: isDrill(probe.args) ? 1 : 0 })) },
            ]),
          );
        },
      },
    );
    await this.#assertAsideIsTold();
    return 'ended';
  }

  /** What somebody goes by who looks before the next collection: the hash of the false one, and the true one. */
  async #assertAsideIsTold(): Promise<void> {
    const read = async (path: string) => this.files.read(`${kept}/${path}`);
    const mark = await read(drillAside.mark);
    if (mark === null) return;
    assert.equal(new TextDecoder().decode(mark), await sha256Hex(nodeCrypto, (await read('evidence.json')) ?? mark));
    const archived = await this.files.list(`${kept}/archive`);
    const last = archived.findLast((name) => name.endsWith('.json'));
    assert.deepEqual(await read(`${drillAside.directory}/evidence.json`), await read(`archive/${last}`));
  }

  /** What rules about evidence itself look at: a copy that the archive has not would be one that somebody took out. */
  async #assertCopyIsArchived(): Promise<void> {
    const directory = new CollectorDirectory(this.files, kept);
    const copy = await directory.newest();
    if (copy === null) return;
    const newest = (await directory.documents(null)).at(-1);
    assert.deepEqual(copy, newest, 'before each collection the copy is of the newest document of the archive');
  }
}

/** What each drill has to make of the gate: an error with one of these reasons, or the failure of its control. */
const expected: Readonly<Record<Exclude<DrillFailAt, 'static'>, string>> = {
  runtime: 'compliance-failure',
  timeout: 'timeout',
  malformed: 'malformed',
  stale: 'stale',
  unsigned: 'unverified',
};

describe('a drill on a host', () => {
  for (const [failAt, reason] of Object.entries(expected)) {
    test(`${failAt}: is not confirmed, goes back, and the chain of its evidence goes on whole`, async () => {
      const drilled = await DrilledWorld.create();
      const { world } = drilled;
      const good = world.host.current;
      const until = world.clock.now() / 1000 + 3600;
      await drilled.release(drilledCatalogue(host, failAt, until));
      const seen = world.plane.events.flatMap((event) =>
        event.kind === 'runtime-gate-error'
          ? [event.body.reason as string]
          : event.kind === 'compliance-failure' && event.body.controlId === 'synthetic-always-fail'
            ? [event.kind as string]
            : [],
      );
      assert.deepEqual(seen, [reason]);
      const failed = world.plane.events.find((event) => event.kind === 'failed');
      assert.ok(failed?.kind === 'failed' && failed.body.cause === 'compliance-failed');
      assert.deepEqual([world.host.current, world.host.default], [good, good]);
      assert.equal(world.kinds.filter((kind) => kind === 'confirmed').length, 1, 'the release before alone');
      const after = world.kinds.slice(world.kinds.indexOf('reverted'));
      assert.ok(after.includes('compliance-passed'), 'measured on the closure that it went back to');
      const [first] = await assertWholeChain(drilled);
      const last = (await assertWholeChain(drilled)).at(-1);
      assert.ok(first?.release);
      const triggers = (await assertWholeChain(drilled)).map(({ trigger }) => trigger);
      assert.equal(triggers.includes('drill'), failAt === 'runtime', 'what is kept of a drill says that it is one');
      assert.deepEqual(last?.release, first.release, 'it names the release that it went back to');
      assert.equal(last.system.closureDigest, first.system.closureDigest);
      await world.stop();
    });
  }

  test('after its deadline it is inert, and where the catalogue leaves it out for this host', async () => {
    for (const until of [1, 0]) {
      const drilled = await DrilledWorld.create();
      await drilled.release(drilledCatalogue(host, 'unsigned', until));
      assert.equal(drilled.world.phase, 'converged');
      assert.equal(drilled.world.kinds.filter((kind) => kind === 'confirmed').length, 2);
      await drilled.world.stop();
    }
  });
});

/** Every document of the archive by its own key, each following the one before it. */
async function assertWholeChain({ world, files }: DrilledWorld): Promise<EvidenceDocument[]> {
  const found: EvidenceDocument[] = [];
  const keys = [
    { key: (await testKey(`host:${host}`)).publicKey, from: '2000-01-01T00:00:00Z' as Instant, until: null },
  ];
  let position: ChainPosition | null = null;
  const documents = await new CollectorDirectory(files, kept).documents(null);
  assert.ok(documents.length >= 2);
  for (const signed of documents) {
    const input = { signed, host: HostName.parse(host), keys, now: world.clock.instant() };
    const verified = await verifyEvidence(world.fleet.ctx, input);
    assert.ok(verified.ok, verified.ok ? '' : verified.detail);
    const follows = followsChain(position, verified.value);
    assert.ok(follows.ok, follows.ok ? '' : follows.detail);
    position = follows.value;
    found.push(verified.value.document);
  }
  return found;
}
