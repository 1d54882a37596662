import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { ControlPlaneClient, Delivery, fileSystem, Gate, Journal, type Transport } from '@nixfleet/agent';
import {
  type BootId,
  CheckinReply,
  type EventContent,
  type HostTarget,
  type JournalPosition,
  protocolHeader,
  type SignedEvent,
  SwitchPolicy,
} from '@nixfleet/contracts';
import { nodeCrypto } from '@nixfleet/contracts/node-crypto';
import { ControlPlane, openSqliteStore, type ReleaseSource, type Store, silentLog } from '@nixfleet/control-plane';
import { foldEvent, type HostFold } from '@nixfleet/engine';
import { createTestFleet, FakeClock, SeededRandom, type TestFleet, testKey, testPolicy } from '@nixfleet/testkit';
import { until } from './harness/until.ts';

const directory = mkdtempSync(join(tmpdir(), 'nixfleet-pruned-'));
after(() => rmSync(directory, { recursive: true }));
const others = ['web-1', 'web-2', 'db'];
const firstEvent: EventContent = {
  kind: 'journal-started',
  body: { reason: 'first-contact', running: null, confirmed: null, agentVersion: '1' },
};
const filler: EventContent = { kind: 'reboot-pending', body: { component: null } };

/** A control plane without its server, over a fleet that is really signed. */
class Lab {
  readonly fleet: TestFleet;
  readonly clock: FakeClock;
  #controlPlane: ControlPlane | null = null;

  constructor(fleet: TestFleet) {
    this.fleet = fleet;
    this.clock = new FakeClock(fleet.now);
  }

  async boot(store: Store): Promise<void> {
    await this.#controlPlane?.[Symbol.asyncDispose]();
    const { files, trustChain } = this.fleet;
    const trust = trustChain[0]?.bytes;
    assert.ok(trust);
    const close = async () => {};
    const source: ReleaseSource = {
      description: 'test',
      open: async () => ({ id: null, read: async (path) => files.get(path) ?? null, [Symbol.asyncDispose]: close }),
      [Symbol.asyncDispose]: close,
    };
    const { clock } = this;
    const deps = { clock, random: new SeededRandom(1), crypto: nodeCrypto, log: silentLog };
    this.#controlPlane = await ControlPlane.start({ ...deps, trust, source, store });
    await this.settle();
  }

  /** Lets what is ready happen, files included, and a planning pass. */
  async settle(): Promise<void> {
    for (let i = 0; i < 20; i++) {
      await this.clock.advance(60);
      await turn();
    }
  }

  async ask(host: string, path: string, body: Uint8Array, headers: Readonly<Record<string, string>> = {}) {
    assert.ok(this.#controlPlane);
    const { keyId } = await testKey(`host:${host}`);
    const response = await this.#controlPlane.handle(
      { spkiSha256: keyId, address: '192.0.2.7' },
      {
        method: 'POST',
        path,
        headers: { [protocolHeader]: '1', ...headers },
        body,
        signal: new AbortController().signal,
      },
    );
    return { status: response.status, headers: response.headers, text: String(response.body) };
  }

  async checkin(host: string, journal: JournalPosition): Promise<CheckinReply> {
    const body = { agentVersion: '1', running: null, bootId: 'boot-1', journal, seen: { head: null, go: null } };
    const bytes = new TextEncoder().encode(JSON.stringify(body));
    return CheckinReply.parse(JSON.parse((await this.ask(host, '/v1/agent/checkin', bytes)).text));
  }

  async post(host: string, { journal }: JournalPosition, events: readonly SignedEvent[]): Promise<void> {
    const bytes = new TextEncoder().encode(JSON.stringify({ journal, events }));
    const { status, text } = await this.ask(host, '/v1/agent/events', bytes);
    assert.equal(status, 200, text);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#controlPlane?.[Symbol.asyncDispose]();
  }
}

/** The agent's own journal and delivery, over the control plane's own entrance, with the batches counted. */
class Canary {
  readonly journal: Journal;
  readonly delivery: Delivery;
  readonly #lab: Lab;
  batches = 0;
  fold: HostFold | null = null;

  private constructor(lab: Lab, journal: Journal) {
    this.#lab = lab;
    this.journal = journal;
    const transport: Transport = {
      request: async ({ path, headers = {}, body = new Uint8Array(0) }) => {
        this.batches++;
        const { status, headers: got, text } = await lab.ask('canary', path, body, headers);
        return { ok: true, reply: { status, headers: got, body: new TextEncoder().encode(text), url: 'test' } };
      },
      close: () => {},
    };
    this.delivery = new Delivery({
      journal,
      client: new ControlPlaneClient(transport),
      gate: new Gate(),
      clock: lab.clock,
      random: new SeededRandom(3),
      log: () => {},
      onContact: () => {},
      onBack: () => {},
      onRestored: (_, detail) => assert.fail(detail),
    });
  }

  static async create(lab: Lab): Promise<Canary> {
    const { journal } = await Journal.open({
      files: fileSystem,
      directory: join(directory, 'canary'),
      fleet: lab.fleet.name,
      host: (await lab.fleet.journal('canary')).host,
      signer: await lab.fleet.hostKey('canary'),
      ctx: { crypto: nodeCrypto, fleet: lab.fleet.name },
      random: new SeededRandom(2),
    });
    await journal.startEpoch();
    return new Canary(lab, journal);
  }

  async append(...contents: EventContent[]): Promise<void> {
    const place = { at: this.#lab.clock.instant(), bootId: 'boot-1' as BootId };
    for (const { event } of await this.journal.append(contents, place)) this.fold = foldEvent(this.fold, event);
  }

  /** A check-in, and the delivery of what it asks for. */
  async checkin(): Promise<CheckinReply> {
    const reply = await this.#lab.checkin('canary', this.journal.position);
    if (reply.replayFrom) await this.delivery.replayFrom(reply.replayFrom);
    await this.#lab.settle();
    return reply;
  }
}

async function convergence(lab: Lab): Promise<{ target: HostTarget; events: EventContent[] }> {
  const target = await lab.fleet.target('canary');
  const at = lab.clock.instant();
  const events: EventContent[] = [
    { kind: 'fetching', body: { target, policy: SwitchPolicy.parse(testPolicy) } },
    { kind: 'activating', body: { target, revertTo: null, deadline: at } },
    { kind: 'confirming', body: { target, deadline: at } },
    { kind: 'confirmed', body: { target, soakUntil: at, by: 'control-plane' } },
    { kind: 'converged', body: { target, switched: true } },
  ];
  return { target, events };
}

test('a journal pruned past its receipt opens later waves, from an empty control plane and from an old backup', async () => {
  const fleet = await createTestFleet();
  await fleet.publish();
  await using lab = new Lab(fleet);
  await lab.boot(openSqliteStore({ path: ':memory:', nextTurn: turn }));
  const canary = await Canary.create(lab);
  const { target, events } = await convergence(lab);
  await canary.append(firstEvent, ...events);
  const early = canary.journal.entries.map(({ signed }) => signed);
  await canary.append(...Array.from({ length: 400 }, () => filler));
  assert.ok(canary.fold);
  // As the agent's loop writes it: the state whole, and the receipt again.
  const checkpoint: EventContent = { kind: 'checkpoint', body: { state: canary.fold.state } };
  await canary.append(checkpoint, { kind: 'converged', body: { target, switched: false } }, filler);
  const stop = new AbortController();
  const running = canary.delivery.run(stop.signal).catch(() => {});
  await canary.checkin();
  await until('pruned to the checkpoint', () => canary.journal.entries[0]?.event.kind === 'checkpoint');

  for (const backup of [[], early]) {
    await lab.boot(openSqliteStore({ path: ':memory:', nextTurn: turn }));
    if (backup.length > 0) await lab.post('canary', canary.journal.position, backup);
    for (const host of others) {
      const journal = await fleet.journal(host);
      if (journal.events.length === 0) await journal.append(firstEvent, { at: lab.clock.instant() });
      await lab.post(host, journal.position, journal.events);
      await lab.checkin(host, journal.position);
    }
    canary.batches = 0;
    assert.equal((await canary.checkin()).replayFrom?.seq, backup.length + 1, 'the first that is missing');
    await until('the replay', () => canary.journal.acknowledgedSeq === canary.journal.position.seq);
    assert.equal(canary.batches, 1, 'what the agent still has is taken at once');
    assert.equal((await canary.checkin()).replayFrom, undefined, 'and nothing is asked for in circles');
    const web = await lab.checkin('web-1', (await fleet.journal('web-1')).position);
    assert.equal(web.go?.wave, 1, JSON.stringify(web.withheld));
    assert.equal(web.go?.receipts.length, 1);
  }
  stop.abort();
  canary.delivery.kick();
  await running;
});
