import assert from 'node:assert/strict';
import {
  CheckinReply,
  type CheckinRequest,
  type EventContent,
  type EventReceipt,
  FleetView,
  type HostTarget,
  headPath,
  type JournalId,
  protocolHeader,
  type SignedEvent,
  SwitchPolicy,
  WireError,
} from '@nixfleet/contracts';
import { nodeCrypto } from '@nixfleet/contracts/node-crypto';
import {
  createTestFleet,
  FakeClock,
  SeededRandom,
  type TestFleet,
  type TestFleetOptions,
  type TestIntent,
  testKey,
  testPolicy,
} from '@nixfleet/testkit';
import { ControlPlane } from './control-plane.ts';
import type { ControlPlaneOptions } from './control-plane-options.ts';
import { ControlPlaneError } from './errors.ts';
import type { ApiRequest, ApiResponse, Peer } from './http/message.ts';
import { silentLog } from './log.ts';
import type { ReleaseSource } from './release/release-source.ts';
import { storedReader } from './release/signed-files.ts';
import { openSqliteStore } from './store/sqlite-store.ts';
import type { Store } from './store/store.ts';

/** A release source over the files of a test fleet, which can be made to fail. */
export class MemorySource implements ReleaseSource {
  readonly description = 'memory';
  failure: string | null = null;
  /** Set to tell that its files have not changed since. */
  id: string | null = null;
  listing: 'works' | 'fails' | 'none' = 'works';
  opened = 0;
  readonly unreadable = new Set<string>();
  readonly files: ReadonlyMap<string, Uint8Array>;

  constructor(files: ReadonlyMap<string, Uint8Array>) {
    this.files = files;
  }

  async open() {
    this.opened++;
    if (this.failure !== null) throw new ControlPlaneError('source-failed', this.failure);
    const { holds, ...rest } = storedReader(this.files);
    const failing = async () => {
      throw new ControlPlaneError('source-failed', 'holds/ cannot be listed');
    };
    return {
      id: this.id,
      ...rest,
      ...(this.listing !== 'none' && holds && { holds: this.listing === 'fails' ? failing : holds }),
      read: async (path: string) => {
        if (this.unreadable.has(path)) throw new ControlPlaneError('source-failed', `${path}: too large`);
        return this.files.get(path) ?? null;
      },
      [Symbol.asyncDispose]: async () => {},
    };
  }

  async [Symbol.asyncDispose]() {}
}

export function memoryStore(path = ':memory:'): Store {
  return openSqliteStore({ path, nextTurn: () => Promise.resolve() });
}

export interface CallOptions {
  readonly method?: string;
  readonly path: string;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
  readonly signal?: AbortSignal;
  readonly address?: string;
  /** A key's hash instead of a declared name. */
  readonly key?: string | null;
}

/** A control plane over a really signed fleet, with a clock that stands still. */
export class Fixture implements AsyncDisposable {
  readonly fleet: TestFleet;
  readonly clock: FakeClock;
  readonly source: MemorySource;
  store: Store;
  controlPlane: ControlPlane;
  /** Resolves when nothing is under way that no clock moves: a database across a connection. */
  idle: () => Promise<void> = async () => {};
  readonly #options: Partial<ControlPlaneOptions>;

  private constructor(
    fleet: TestFleet,
    clock: FakeClock,
    source: MemorySource,
    store: Store,
    options: Partial<ControlPlaneOptions>,
  ) {
    this.fleet = fleet;
    this.clock = clock;
    this.source = source;
    this.store = store;
    this.#options = options;
    this.controlPlane = undefined as never;
  }

  static async start(
    options: Partial<ControlPlaneOptions> & {
      readonly fleetOptions?: TestFleetOptions;
      readonly prepare?: (fleet: TestFleet) => Promise<unknown>;
      readonly idle?: Fixture['idle'];
    } = {},
  ): Promise<Fixture> {
    const { fleetOptions, prepare, idle, ...rest } = options;
    const fleet = await createTestFleet(fleetOptions);
    await (prepare ? prepare(fleet) : fleet.publish());
    const fixture = new Fixture(
      fleet,
      new FakeClock(fleet.now),
      new MemorySource(fleet.files),
      rest.store ?? memoryStore(),
      rest,
    );
    if (idle) fixture.idle = idle;
    await fixture.boot();
    return fixture;
  }

  /** Another control plane of the same fleet, on the same clock and, unless it is given, the same source. */
  async beside(store: Store, source = this.source, options: Partial<ControlPlaneOptions> = {}): Promise<Fixture> {
    const other = new Fixture(this.fleet, this.clock, source, store, options);
    other.idle = this.idle;
    await other.boot();
    return other;
  }

  async boot(): Promise<void> {
    const trust = this.fleet.trustChain[0]?.bytes;
    assert.ok(trust);
    this.controlPlane = await ControlPlane.start({
      trust,
      source: this.source,
      clock: this.clock,
      random: new SeededRandom(1),
      crypto: nodeCrypto,
      log: silentLog,
      ...this.#options,
      store: this.store,
    });
    await this.settle();
  }

  /** Stops it; with a store, what starts next has that one. */
  async restart(store?: Store): Promise<void> {
    await this.controlPlane[Symbol.asyncDispose]();
    if (store) this.store = store;
    await this.boot();
  }

  /** Lets everything that is ready happen, a coalesced planning pass included. */
  async settle(): Promise<void> {
    for (let i = 0; i < 3; i++) {
      await this.clock.advance(60);
      await this.idle();
    }
  }

  /** Publishes and lets the control plane find it. */
  async publish(...parameters: Parameters<TestFleet['publish']>): Promise<void> {
    await this.fleet.publish(...parameters);
    await this.refresh();
  }

  async refresh(): Promise<void> {
    await this.clock.advance(6000);
    this.controlPlane.refresh();
    await this.settle();
  }

  async peer(name: string, address = '192.0.2.7'): Promise<Peer> {
    const isOperator = name in this.fleet.intent.operators;
    const key = await testKey(isOperator ? `operator:${name}` : `host:${name}`);
    return { spkiSha256: key.keyId, address };
  }

  async call(name: string | null, options: CallOptions): Promise<ApiResponse> {
    const { method = 'GET', path, body, headers = {}, signal, address = '192.0.2.7', key } = options;
    const peer =
      key !== undefined || name === null ? { spkiSha256: key ?? null, address } : await this.peer(name, address);
    const request: ApiRequest = {
      method,
      path,
      headers: { [protocolHeader]: '1', ...headers },
      body:
        body instanceof Uint8Array ? body : new TextEncoder().encode(body === undefined ? '' : JSON.stringify(body)),
      signal: signal ?? new AbortController().signal,
    };
    return this.controlPlane.handle(peer, request);
  }

  /** What an agent says of itself that has seen everything there is and lost nothing. */
  async checkinBody(host: string, seen: Partial<CheckinRequest['seen']> = {}): Promise<CheckinRequest> {
    const { position } = await this.fleet.journal(host);
    return {
      agentVersion: '1',
      running: null,
      bootId: 'boot-1' as CheckinRequest['bootId'],
      journal: position,
      seen: { head: null, go: null, ...seen },
    };
  }

  async checkin(host: string, seen: Partial<CheckinRequest['seen']> = {}): Promise<CheckinReply> {
    const body = await this.checkinBody(host, seen);
    const response = await this.call(host, { method: 'POST', path: '/v1/agent/checkin', body });
    return CheckinReply.parse(bodyOf(response, 200));
  }

  /** A check-in that may be held for so many seconds. */
  async ask(host: string, seen: Partial<CheckinRequest['seen']>, waitSeconds: number): Promise<CheckinReply> {
    const headers = { prefer: `wait=${waitSeconds}` };
    const body = await this.checkinBody(host, seen);
    const response = await this.call(host, { method: 'POST', path: '/v1/agent/checkin', headers, body });
    return CheckinReply.parse(bodyOf(response, 200));
  }

  async post(host: string, events: readonly SignedEvent[], as = host, journal?: JournalId): Promise<ApiResponse> {
    const body = { journal: journal ?? (await this.fleet.journal(host)).journal, events };
    return this.call(as, { method: 'POST', path: '/v1/agent/events', body });
  }

  /** Journals these and delivers everything the control plane lacks. */
  async tell(host: string, ...contents: EventContent[]): Promise<EventReceipt> {
    const journal = await this.fleet.journal(host);
    const from = journal.events.length;
    for (const content of contents) await journal.append(content, { at: this.clock.instant() });
    const response = await this.post(host, journal.events.slice(from));
    await this.settle();
    return bodyOf(response, 200) as EventReceipt;
  }

  /** A host's first event, and a check-in that shows its journal to be whole. */
  async join(...hosts: string[]): Promise<void> {
    for (const host of hosts) {
      await this.tell(host, started('first-contact'));
      await this.checkin(host);
    }
    await this.settle();
  }

  /** Fetch to convergence on the host's newest target. */
  async converge(host: string): Promise<HostTarget> {
    const target = await this.fleet.target(host);
    const at = this.clock.instant();
    await this.tell(
      host,
      fetching(target),
      { kind: 'activating', body: { target, revertTo: null, deadline: at } },
      { kind: 'confirming', body: { target, deadline: at } },
      { kind: 'confirmed', body: { target, soakUntil: at, by: 'control-plane' } },
      { kind: 'converged', body: { target, switched: true } },
    );
    await this.checkin(host);
    await this.settle();
    return target;
  }

  async view(): Promise<FleetView> {
    return FleetView.parse(bodyOf(await this.call('olivia', { path: '/v1/fleet' }), 200));
  }

  async gos(): Promise<number> {
    const entries = await this.store.read({ after: 0, limit: 10_000 });
    return entries.filter(({ kind }) => kind === 'go').length;
  }

  get head(): Uint8Array {
    const bytes = this.fleet.files.get(headPath);
    assert.ok(bytes);
    return bytes;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.controlPlane[Symbol.asyncDispose]();
    await this.store[Symbol.asyncDispose]();
  }
}

export function started(reason: 'first-contact' | 'state-lost' | 'restored'): EventContent {
  return { kind: 'journal-started', body: { reason, running: null, confirmed: null, agentVersion: '1' } };
}

export function fetching(target: HostTarget): EventContent {
  return { kind: 'fetching', body: { target, policy: SwitchPolicy.parse(testPolicy) } };
}

/** What must be there for a test to mean anything. */
export function the<Value>(value: Value | null | undefined): Value {
  assert.ok(value !== null && value !== undefined);
  return value;
}

/** The next release gives the canary another closure. */
export function newCanary(next: TestIntent): void {
  the(next.hosts.canary).closure = 2;
}

/** The next release has no web-2. */
export function withoutWeb2(next: TestIntent): void {
  delete next.hosts['web-2'];
  the(next.channels.stable?.waves[1]).hosts = ['web-1'];
}

/** The JSON body, after its status was checked. */
export function bodyOf(response: ApiResponse, status: number): unknown {
  assert.ok(typeof response.body === 'string' || response.body instanceof Uint8Array);
  const text = typeof response.body === 'string' ? response.body : new TextDecoder().decode(response.body);
  assert.equal(response.status, status, text);
  return JSON.parse(text);
}

export function errorOf(response: ApiResponse, status: number): WireError {
  return WireError.parse(bodyOf(response, status));
}
