// What the tests of the loop share: an agent in a world of variables, on a clock advanced by hand.
import assert from 'node:assert/strict';
import {
  type BootId,
  type ChannelPolicy,
  canonicalBytes,
  closureDigest,
  EventBatch,
  type Go,
  type JournalEvent,
  type Json,
  NarHash,
  type Sha256Hex,
  type StorePath,
  sha256Hex,
  verifyEvents,
} from '@nixfleet/contracts';
import { nodeCrypto, privateKeyToPem } from '@nixfleet/contracts/node-crypto';
import type { DeadManReport } from '@nixfleet/engine';
import { createTestFleet, FakeClock, SeededRandom, type TestFleet, testClosure, testKey } from '@nixfleet/testkit';
import type { Collector } from './compliance/collector.ts';
import { parseAgentConfig } from './config.ts';
import { AgentError } from './errors.ts';
import type { Files } from './files.ts';
import type { Host } from './host.ts';
import type { Nix } from './nix.ts';
import { type RunningAgent, startAgent } from './start-agent.ts';
import { type Transport, type TransportRequest, unreachable } from './transport.ts';

/** Durable state in memory: what a crash keeps. */
export class MemoryFiles implements Files {
  readonly files = new Map<string, Uint8Array<ArrayBuffer>>();
  readonly unreadable = new Set<string>();
  isFull = false;

  async read(path: string): Promise<Uint8Array<ArrayBuffer> | null> {
    if (this.unreadable.has(path)) throw new AgentError('io', 'permission denied');
    return this.files.get(path) ?? null;
  }
  async write(path: string, bytes: Uint8Array): Promise<void> {
    this.#room();
    this.files.set(path, Uint8Array.from(bytes));
  }
  async append(path: string, bytes: Uint8Array): Promise<void> {
    this.#room();
    this.files.set(path, Uint8Array.from(Buffer.concat([this.files.get(path) ?? new Uint8Array(), bytes])));
  }
  async truncate(path: string, length: number): Promise<void> {
    this.files.set(path, (this.files.get(path) ?? new Uint8Array()).slice(0, length));
  }
  async rename(from: string, to: string): Promise<boolean> {
    const bytes = this.files.get(from);
    if (!bytes) return false;
    this.files.delete(from);
    this.files.set(to, bytes);
    return true;
  }
  async remove(path: string): Promise<void> {
    for (const name of [...this.files.keys()])
      if (name === path || name.startsWith(`${path}/`)) this.files.delete(name);
  }
  async list(path: string): Promise<readonly string[]> {
    const names = [...this.files.keys()].filter((name) => name.startsWith(`${path}/`));
    return [...new Set(names.map((name) => name.slice(path.length + 1).split('/')[0] ?? ''))].sort();
  }
  #room(): void {
    if (this.isFull) throw new AgentError('disk-full', 'no space left on device');
  }
}

/** A machine of variables. Nothing declares checks, so every switch passes its probes at once. */
export class MemoryHost implements Host {
  readonly environment = {};
  readonly done: string[] = [];
  current: StorePath | null = null;
  default: StorePath | null = null;
  armed: StorePath | null = null;

  bootId = async (): Promise<BootId> => 'boot-1' as BootId;
  running = async () => this.current;
  bootDefault = async () => this.default;
  isSynchronised = true;
  isClockSynchronised = async () => this.isSynchronised;
  bootShortage = async () => null;
  goesDown = false;
  isGoingDown = async () => this.goesDown;
  comesUp = false;
  isComingUp = async () => this.comesUp;
  /** Every store path is a directory without declared checks. */
  locate = (path: string): string => path.replace(/^\/nix\/store\/[^/]+/, import.meta.dirname);
  arm = async (to: StorePath | null) => {
    this.armed = to;
    return { ok: true } as const;
  };
  deadMan = async (): Promise<DeadManReport> => (this.armed ? { kind: 'armed', to: this.armed } : { kind: 'absent' });
  keepGuarded = async (): Promise<void> => {};
  awaitDeadMan = () => this.deadMan();
  disarm = async () => {
    this.done.push('disarm');
    this.armed = null;
    return 'disarmed' as const;
  };
  standDown = async (): Promise<void> => {
    this.armed = null;
  };
  activate = async (closure: StorePath) => {
    this.done.push('activate');
    this.current = closure;
    const output = { exitCode: 0, durationMs: 1, outputSha256: '0'.repeat(64) as Sha256Hex, excerpt: '' };
    return { kind: 'ok', running: closure, output } as const;
  };
  awaitActivation = async () => this.activate(this.current as StorePath);
  activation = async () => 'unknown' as const;
  setDefault: Host['setDefault'] = async (closure: StorePath) => {
    this.done.push('setDefault');
    this.default = closure;
    return { ok: true } as const;
  };
  revert = async (to: StorePath) => {
    this.done.push('revert');
    this.current = to;
    this.armed = null;
    return { running: to, by: 'agent' } as const;
  };
  rebootPending = async () => null;
  wasBootOrdered = async () => false;
  reboot = async () => ({ ok: false, detail: 'a machine of variables' }) as const;
}

/** What a control plane does, at the agent's port. */
export class MemoryControlPlane implements Transport {
  readonly fleet: TestFleet;
  readonly freshAt: number[] = [];
  events: JournalEvent[] = [];
  go: Go | null = null;
  isReachable = true;
  closes = 0;
  /** Paths of the requests that came through, oldest first. */
  readonly asked: string[] = [];
  tamper: ((path: string, reply: Json) => Json) | null = null;
  position: { journal: string; seq: number; sha256: string } | null = null;

  constructor(fleet: TestFleet) {
    this.fleet = fleet;
  }

  close(): void {
    this.closes++;
  }

  async request({ path, body, isFresh }: TransportRequest) {
    if (!this.isReachable) return unreachable('connect-failed', 'cut');
    this.asked.push(path);
    const reply = (status: number, bytes: Uint8Array) =>
      ({ ok: true, reply: { status, headers: {}, body: bytes, url: 'https://test/' } }) as const;
    if (path.startsWith('/v1/signed/')) {
      const bytes = this.fleet.files.get(path.slice(11));
      return bytes ? reply(200, bytes) : reply(404, new Uint8Array());
    }
    const json: unknown = JSON.parse(new TextDecoder().decode(body));
    let answer: Json = path.endsWith('/events') ? await this.#store(json) : await this.#checkin();
    if (path.endsWith('/events') && isFresh) this.freshAt.push(this.events.length);
    if (this.tamper) answer = this.tamper(path, answer);
    const isError = typeof answer === 'object' && answer !== null && 'error' in answer;
    return reply(isError ? 409 : 200, new TextEncoder().encode(JSON.stringify(answer)));
  }

  async #checkin(): Promise<Json> {
    const head = await sha256Hex(nodeCrypto, this.fleet.files.get('head.json') ?? new Uint8Array());
    const goId = this.go ? await sha256Hex(nodeCrypto, canonicalBytes(this.go as unknown as Json)) : null;
    return { head, trustVersion: 1, goId, ...(this.go ? { go: this.go as unknown as Json } : {}) };
  }

  async #store(json: unknown): Promise<Json> {
    const { journal, events } = EventBatch.parse(json);
    const known = this.position?.journal === journal ? this.position : null;
    const first = JSON.parse(events[0]?.event ?? '') as JournalEvent;
    if (first.seq > (known?.seq ?? 0) + 1 && first.kind !== 'checkpoint') {
      return { error: 'gap', message: 'gap', replayFrom: { journal, seq: (known?.seq ?? 0) + 1 } };
    }
    const verified = await verifyEvents(this.fleet.ctx, {
      host: first.host,
      keys: [(await testKey('host:canary')).publicKey, (await testKey(nextKey)).publicKey],
      journal,
      after: { journal, seq: first.seq - 1, sha256: first.prevSha256 },
      events,
      signatures: 'last',
    });
    assert.ok(verified.ok, verified.ok ? '' : verified.detail);
    // As in a transaction: another delivery may have come in between.
    const stored = this.position?.journal === journal ? this.position.seq : 0;
    for (const { event } of verified.value.events) if (event.seq > stored) this.events.push(event);
    const { position } = verified.value;
    if (position.seq > stored) this.position = position;
    return { stored: this.position as unknown as Json };
  }
}

const narHash = NarHash.parse(`sha256:${'0'.repeat(52)}`);
export async function realClosure(version: number) {
  const { closure } = testClosure('canary', version);
  const digest = await closureDigest(nodeCrypto, [{ path: closure as StorePath, narHash }]);
  return { closure, closureDigest: digest as string, closureBytes: 1 };
}
const nix: Nix = {
  checkConfiguration: async () => ({ ok: true }),
  bootParts: async () => ({ kernel: null, initrd: null }),
  realise: async () => ({ ok: true }),
  closure: async (path) => [{ path, narHash }],
  modified: async () => [],
  claimed: async (_substituter, entries) => entries.map((entry) => entry.narHash),
  repair: async () => ({ ok: true }),
  discard: async () => 0,
};

/** What `changeKey` puts in the place of the host's key. */
const nextKey = 'host:canary-next';

export class World {
  readonly files = new MemoryFiles();
  readonly host = new MemoryHost();
  readonly random = new SeededRandom(1);
  readonly clock: FakeClock;
  readonly plane: MemoryControlPlane;
  readonly fleet: TestFleet;
  waitSeconds = 0;
  collector: Collector | null = null;
  agent: RunningAgent | null = null;

  private constructor(fleet: TestFleet) {
    this.fleet = fleet;
    this.clock = new FakeClock(fleet.now);
    this.plane = new MemoryControlPlane(fleet);
  }

  static async create(): Promise<World> {
    const world = new World(await createTestFleet());
    const key = await testKey('host:canary');
    world.files.files.set('/key', Uint8Array.from(Buffer.from(privateKeyToPem(key.privateKey))));
    world.files.files.set('/trust.json', Uint8Array.from(world.fleet.trustChain[0]?.bytes ?? []));
    return world;
  }

  /** While the agent is stopped; the control plane knows both keys. */
  async changeKey(): Promise<void> {
    const { privateKey } = await testKey(nextKey);
    this.files.files.set('/key', Uint8Array.from(Buffer.from(privateKeyToPem(privateKey))));
  }

  async start(): Promise<void> {
    const config = parseAgentConfig({
      fleet: 'demo',
      host: 'canary',
      stateDirectory: '/state',
      key: '/key',
      trust: '/trust.json',
      controlPlanes: ['https://control.example.org'],
      checkinWaitSeconds: this.waitSeconds,
      backend: { kind: 'profile', storeDirectory: '/store', systemRoot: '/root' },
    });
    this.agent = await startAgent(config, {
      agentVersion: '0.1.0',
      clock: this.clock,
      random: this.random,
      crypto: nodeCrypto,
      files: this.files,
      host: this.host,
      nix,
      log: () => {},
      ...(this.collector ? { collector: this.collector } : {}),
      transport: () => this.plane,
    });
  }

  async publish(version: number, change: (policy: ChannelPolicy) => void = () => {}): Promise<void> {
    this.fleet.now = this.clock.instant();
    const real = await realClosure(version);
    await this.fleet.publish((next) => {
      const { canary } = next.hosts;
      const { stable } = next.channels;
      assert.ok(canary && stable);
      canary.real = real;
      for (const wave of stable.waves) wave.soakSeconds = 10;
      change(stable.policy);
    });
    const { rolloutId, wave, attempt } = await this.fleet.target('canary');
    this.plane.go = { rolloutId, wave, attempt, receipts: [] };
  }

  get kinds(): string[] {
    return this.plane.events.map(({ kind }) => kind);
  }

  get phase(): string {
    return this.agent?.loop.memory.state.phase.name ?? 'none';
  }

  async pass(seconds: number): Promise<void> {
    for (let i = 0; i < seconds * 4; i++) {
      await this.clock.advance(250);
      // Workers read files and sign between two moments of the clock.
      for (let turn = 0; turn < 20 || (isReading() && turn < 5000); turn++)
        await new Promise((resolve) => setImmediate(resolve));
    }
  }

  async stop(): Promise<void> {
    const stopped = this.agent?.[Symbol.asyncDispose]();
    await this.pass(1);
    await stopped;
    this.agent = null;
  }
}

/** Checks of a closure are read from the real file system, which takes its time on a busy machine. */
function isReading(): boolean {
  return process.getActiveResourcesInfo().some((name) => name.startsWith('FSReq'));
}
