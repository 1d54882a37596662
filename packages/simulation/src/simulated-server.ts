import type { Crypto, Memo, Random } from '@nixfleet/contracts';
import {
  type ApiRequest,
  type ApiResponse,
  ControlPlane,
  ControlPlaneError,
  defaultLimits,
  openSqliteStore,
  type Peer,
  type ReleaseSource,
  type Store,
  silentLog,
} from '@nixfleet/control-plane';
import type { Dice } from './dice.ts';
import { Life } from './life.ts';
import { type MachineTime, machineClock } from './machine-clock.ts';
import type { Scheduler } from './scheduler.ts';

export interface SimulatedServerOptions {
  readonly scheduler: Scheduler;
  readonly dice: Dice;
  readonly time: MachineTime;
  readonly crypto: Crypto;
  readonly memo: Memo;
  readonly trust: Uint8Array;
  /** What is published now; null while the source does not answer. */
  readonly published: () => { readonly id: string; readonly files: ReadonlyMap<string, Uint8Array> } | null;
  readonly watch: StoreWatch;
  /** The control plane says that it cannot go on. */
  readonly onFault: (error: unknown) => void;
}

/** What the simulation sees of the control plane's durable state. */
export interface StoreWatch {
  readonly appended: (entries: Parameters<Store['append']>[0]) => void;
  readonly released: (release: Parameters<Store['saveRelease']>[0]) => void;
}

/** At the end everything that is known of hundreds of hosts is asked for at once. */
const limits = { identityRequests: { ...defaultLimits.identityRequests, burst: 10_000 } };
/** Entries read at once. */
const readMax = 10_000;
/** Slowest answer of the disk and of the release source, in milliseconds. */
const diskMsMax = 8;
const sourceMsMax = 400;

/** The computer of the control plane: the real one runs on it, over the real store, and can be killed and wiped. */
export class SimulatedServer {
  readonly #options: SimulatedServerOptions;
  #store: Store;
  /** Every one that there was. */
  readonly #stores: Store[] = [];
  #life: Life;
  #controlPlane: ControlPlane | null = null;
  /** Ends of requests that are being answered. */
  readonly #connections = new Set<(response: ApiResponse | null) => void>();
  isDiskFull = false;

  constructor(options: SimulatedServerOptions) {
    this.#options = options;
    this.#store = this.#emptyStore();
    this.#life = new Life(options.scheduler);
  }

  get isUp(): boolean {
    return this.#controlPlane !== null;
  }

  get life(): Life {
    return this.#life;
  }

  start(): void {
    const { scheduler, time, crypto, memo, trust, onFault } = this.#options;
    const life = new Life(scheduler);
    this.#life = life;
    const random: Random = this.#options.dice.of(`incarnation ${scheduler.nowMs}`);
    ControlPlane.start({
      trust,
      source: this.#source(life),
      store: this.#watched(this.#store, life),
      clock: machineClock(time, life, scheduler),
      random,
      crypto,
      memo,
      log: silentLog,
      limits,
    }).then((controlPlane) => {
      if (!life.isOver) this.#controlPlane = controlPlane;
    }, onFault);
  }

  /** The process is gone; what its store had committed stays. */
  kill(): void {
    this.#life.end();
    this.#controlPlane = null;
    for (const broken of this.#connections) broken(null);
    this.#connections.clear();
  }

  /** Its disk is lost. */
  wipe(): void {
    this.kill();
    this.#store = this.#emptyStore();
  }

  /** The run is over. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.kill();
    for (const store of this.#stores.splice(0)) await store[Symbol.asyncDispose]();
  }

  /** Null where nothing listens; resolves to null where the connection breaks. */
  handle(peer: Peer, request: ApiRequest): Promise<ApiResponse | null> | null {
    const controlPlane = this.#controlPlane;
    if (controlPlane === null) return null;
    return new Promise((resolve) => {
      this.#connections.add(resolve);
      void controlPlane.handle(peer, request).then((response) => {
        if (this.#connections.delete(resolve)) resolve(response);
      });
    });
  }

  /** Another control plane that has nothing but this one's log and release, folded anew from its first entry. */
  async replayed(): Promise<ControlPlane> {
    const { scheduler, time, crypto, trust, dice } = this.#options;
    const store = this.#emptyStore();
    for (let after = 0; ; ) {
      const entries = await this.#store.read({ after, limit: readMax });
      if (entries.length === 0) break;
      await store.append(entries);
      after = entries.at(-1)?.position ?? after;
    }
    const release = await this.#store.loadRelease();
    if (release) await store.saveRelease(release);
    const life = new Life(scheduler);
    const source = this.#source(life);
    const clock = machineClock(time, life, scheduler);
    const random = dice.of('replay');
    return ControlPlane.start({ trust, source, store, clock, random, crypto, log: silentLog, limits });
  }

  /** A temporary database: what does not fit its cache goes to a file without a name, so that a long log takes no memory. */
  #emptyStore(): Store {
    const store = openSqliteStore({ path: '', nextTurn: () => Promise.resolve() });
    this.#stores.push(store);
    return store;
  }

  #source(life: Life): ReleaseSource {
    const { dice, published } = this.#options;
    return {
      description: 'simulated',
      open: () =>
        life.cross(
          () => {
            const found = published();
            if (found === null) throw new ControlPlaneError('source-failed', 'no route to host');
            return {
              id: found.id,
              read: (path: string) => life.cross(() => found.files.get(path) ?? null),
              [Symbol.asyncDispose]: async () => {},
            };
          },
          dice.between(1, sourceMsMax),
        ),
      [Symbol.asyncDispose]: async () => {},
    };
  }

  /** The store through the crossings of one incarnation. A commit that was begun is not taken back by a crash. */
  #watched(store: Store, life: Life): Store {
    const { watch, dice } = this.#options;
    const write = async <Value>(act: () => Promise<Value>, done: (value: Value) => void): Promise<Value> => {
      const value = await life.cross(async () => {
        if (this.isDiskFull) throw new ControlPlaneError('disk-full', 'no space left on device');
        const written = await act();
        // Also where the program does not live to hear of it; what is lost with the disk counts no more.
        if (this.#store === store) done(written);
        return written;
      });
      return life.cross(() => value, dice.between(0, diskMsMax));
    };
    const read = async <Value>(act: () => Promise<Value>): Promise<Value> => life.cross(act);
    return {
      append: (entries) =>
        write(
          () => store.append(entries),
          ({ ok }) => {
            if (ok) watch.appended(entries);
          },
        ),
      saveRelease: (release) =>
        write(
          () => store.saveRelease(release),
          () => watch.released(release),
        ),
      saveCheckpoint: (checkpoint) =>
        write(
          () => store.saveCheckpoint(checkpoint),
          () => {},
        ),
      read: (query) => read(() => store.read(query)),
      readAt: (positions) => read(() => store.readAt(positions)),
      position: () => read(() => store.position()),
      journalExtent: (host, journal) => read(() => store.journalExtent(host, journal)),
      journalPlaces: (host, journal, range) => read(() => store.journalPlaces(host, journal, range)),
      journalEvent: (host, journal, seq) => read(() => store.journalEvent(host, journal, seq)),
      forksOf: (host) => read(() => store.forksOf(host)),
      lastOwn: (kind) => read(() => store.lastOwn(kind)),
      loadCheckpoint: () => read(() => store.loadCheckpoint()),
      putEvidence: (entry, retention) =>
        write(
          () => store.putEvidence(entry, retention),
          () => {},
        ),
      readEvidence: (query) => read(() => store.readEvidence(query)),
      loadRelease: () => read(() => store.loadRelease()),
      [Symbol.asyncDispose]: async () => {},
    };
  }
}
