import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type EvidenceUpload, parseMessage, EvidenceUpload as Upload } from '@nixfleet/contracts';
import type { SignedEvidence } from '@nixfleet/evidence';
import { createTestFleet, FakeClock, SeededRandom, TestEvidence } from '@nixfleet/testkit';
import { MemoryFiles } from '../agent-world.test.ts';
import { ControlPlaneClient } from '../control-plane-client.ts';
import { Gate } from '../gate.ts';
import type { Transport } from '../transport.ts';
import { unreachable } from '../transport.ts';
import type { Collector } from './collector.ts';
import { EvidenceDelivery } from './evidence-delivery.ts';

class DeliveryWorld {
  readonly files = new MemoryFiles();
  readonly clock: FakeClock;
  readonly evidence: TestEvidence;
  readonly sent: number[] = [];
  readonly stop = new AbortController();
  documents: SignedEvidence[] = [];
  isReachable = true;
  refused = new Set<number>();
  delivery: EvidenceDelivery | null = null;
  readonly #running: Promise<void>[] = [];

  private constructor(clock: FakeClock, evidence: TestEvidence) {
    this.clock = clock;
    this.evidence = evidence;
  }

  static async create(): Promise<DeliveryWorld> {
    const fleet = await createTestFleet();
    await fleet.publish();
    return new DeliveryWorld(new FakeClock(fleet.now), new TestEvidence(fleet, 'canary'));
  }

  async collect(): Promise<void> {
    const { bytes, sig, sshsig } = await this.evidence.collect();
    this.documents.push({ bytes, sig, sshsig });
  }

  start(): void {
    const transport: Transport = {
      close: () => {},
      request: async ({ path, body }) => {
        assert.equal(path, '/v1/agent/evidence');
        if (!this.isReachable) return unreachable('connect-failed', 'cut');
        const parsed = parseMessage(Upload, body ?? new Uint8Array());
        assert.ok(parsed.ok);
        return this.#take(parsed.value);
      },
    };
    const collector: Collector = {
      newest: async () => this.documents.at(-1) ?? null,
      collect: async () => ({ ok: true }),
      documents: async (after) => this.documents.slice(after?.sequence ?? 0),
    };
    const { files, clock } = this;
    const client = new ControlPlaneClient(transport);
    const deps = { collector, client, gate: new Gate(), files, path: '/state/delivered', clock };
    this.delivery = new EvidenceDelivery({ ...deps, random: new SeededRandom(1), log: () => {} });
    this.#running.push(this.delivery.run(this.stop.signal).catch(() => {}));
  }

  #take({ evidence }: EvidenceUpload) {
    const { chain, sequence } = JSON.parse(evidence) as { chain: string; sequence: number };
    this.sent.push(sequence);
    const isRefused = this.refused.has(sequence);
    const answer = isRefused
      ? { error: 'bad-evidence', message: 'no' }
      : { stored: { chain, sequence, sha256: '0'.repeat(64) } };
    const body = new TextEncoder().encode(JSON.stringify(answer));
    return { ok: true, reply: { status: isRefused ? 422 : 200, headers: {}, body, url: 'https://test/' } } as const;
  }

  async pass(seconds: number): Promise<void> {
    for (let i = 0; i < seconds; i++) {
      await this.clock.advance(1000);
      for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    }
  }

  async end(): Promise<void> {
    this.stop.abort();
    await this.pass(1);
    await Promise.all(this.#running);
  }
}

test('what was collected while nobody answered comes in order, once, also over a restart', async () => {
  const world = await DeliveryWorld.create();
  world.isReachable = false;
  for (let i = 0; i < 3; i++) await world.collect();
  world.start();
  await world.pass(10);
  assert.equal(world.sent.length, 0);
  world.isReachable = true;
  await world.pass(120);
  assert.deepEqual(world.sent, [1, 2, 3]);
  await world.collect();
  world.delivery?.kick();
  await world.pass(2);
  assert.deepEqual(world.sent, [1, 2, 3, 4]);
  world.start();
  await world.pass(5);
  assert.deepEqual(world.sent, [1, 2, 3, 4], 'what was stored is not sent again');
  await world.collect();
  await world.pass(301);
  assert.ok(world.sent.includes(5), 'found without being told of');
  await world.end();
});

test('a document that is refused does not keep the next from being sent', async () => {
  const world = await DeliveryWorld.create();
  world.refused.add(1);
  await world.collect();
  await world.collect();
  world.start();
  await world.pass(2);
  assert.deepEqual(world.sent, [1, 2]);
  await world.end();
});
