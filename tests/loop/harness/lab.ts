import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@nixfleet/agent';
import { type FleetView, msToInstant } from '@nixfleet/contracts';
import {
  createTestFleet,
  demoIntent,
  NixCache,
  type RealClosure,
  type TestFleet,
  type TestIntent,
  testChannel,
  testHost,
} from '@nixfleet/testkit';
import { CacheServer } from './cache-server.ts';
import { LoopControlPlane } from './loop-control-plane.ts';
import { LoopHost } from './loop-host.ts';
import { writeReleases } from './release-directory.ts';
import { Route } from './route.ts';
import { until } from './until.ts';

/** Documents are signed so long ago, in seconds: no reader's clock is behind the signer's. */
const signedAgoSeconds = 5;

/**
 * A whole fleet on this machine: a signed cache over http, really signed documents in a directory, a control plane and
 * agents, with real Nix, TLS and processes. Everything it started ends with it.
 */
export class Lab implements AsyncDisposable {
  readonly directory: string;
  readonly cache: NixCache;
  readonly server: CacheServer;
  readonly fleet: TestFleet;
  readonly controlPlane: LoopControlPlane;
  readonly #hosts = new Map<string, LoopHost>();
  readonly #built = new Map<string, Promise<RealClosure>>();

  private constructor(parts: {
    directory: string;
    cache: NixCache;
    server: CacheServer;
    fleet: TestFleet;
    controlPlane: LoopControlPlane;
  }) {
    this.directory = parts.directory;
    this.cache = parts.cache;
    this.server = parts.server;
    this.fleet = parts.fleet;
    this.controlPlane = parts.controlPlane;
  }

  /** `intent`: default one channel `stable` with the canary alone. `controlPlane`: settings on top of the harness's. */
  static async open({
    intent = oneHost(),
    controlPlane = {},
    nixStalledMs,
  }: {
    intent?: TestIntent;
    controlPlane?: object;
    nixStalledMs?: number;
  } = {}) {
    const directory = mkdtempSync(join(tmpdir(), 'nixfleet-loop-'));
    const cache = new NixCache();
    const server = await CacheServer.open(join(cache.directory, 'cache'));
    const fleet = await createTestFleet({
      now: signingTime(),
      intent,
      trust: (draft) => {
        draft.cacheKeys = [cache.publicKey];
      },
    });
    const releases = join(directory, 'releases');
    mkdirSync(releases);
    writeReleases(releases, fleet.files);
    const plane = await LoopControlPlane.create(join(directory, 'control-plane'), {
      fleet,
      releases,
      settings: controlPlane,
    });
    const lab = new Lab({ directory, cache, server, fleet, controlPlane: plane });
    const names = Object.keys(intent.hosts);
    for (const [i, name] of names.entries()) await lab.#addHost(name, i, nixStalledMs);
    return lab;
  }

  get releases(): string {
    return join(this.directory, 'releases');
  }

  get hosts(): readonly LoopHost[] {
    return [...this.#hosts.values()];
  }

  host(name: string): LoopHost {
    const host = this.#hosts.get(name);
    if (!host) throw new Error(`no host ${name} in this lab`);
    return host;
  }

  /** A stand-in system in the cache, built once for its arguments. Healthy unless `<root>/sick` exists. */
  system(version: string, args: Readonly<Record<string, unknown>> = {}): Promise<RealClosure> {
    const all = { name: 'host', version, service: false, healthChecks: { marker }, ...args };
    const key = JSON.stringify(all);
    const built = this.#built.get(key) ?? this.cache.release(all);
    this.#built.set(key, built);
    return built;
  }

  /** Signs and writes a release; the control plane is not told. */
  async write(change: (next: TestIntent) => void = () => {}): Promise<void> {
    await this.sign(change);
    this.writeTree();
  }

  /** Signs a release that nobody is shown. */
  async sign(change: (next: TestIntent) => void = () => {}): Promise<void> {
    this.fleet.now = signingTime();
    await this.fleet.publish(change);
  }

  writeTree(files: ReadonlyMap<string, Uint8Array> = this.fleet.files): void {
    writeReleases(this.releases, files);
  }

  /** Signs and writes a release, and waits until the control plane has it. */
  async publish(change: (next: TestIntent) => void = () => {}): Promise<void> {
    await this.write(change);
    await this.untilRead();
  }

  /** The first release, on every host, a control plane that has it, and an agent on every host; waits until all have converged. */
  async begin(closure: RealClosure): Promise<void> {
    await this.write(onAll(closure));
    await this.controlPlane.start();
    for (const host of this.#hosts.values()) await host.start();
    await this.converged();
  }

  /** Every host on this closure. */
  release(closure: RealClosure, change: (next: TestIntent) => void = () => {}): Promise<void> {
    return this.publish((next) => {
      onAll(closure)(next);
      change(next);
    });
  }

  /** Waits until the control plane has the newest head. */
  async untilRead(): Promise<FleetView> {
    const { version } = this.fleet.headDocument;
    let askedMs = 0;
    const look = async (): Promise<FleetView | null> => {
      if (systemClock.monotonicMs() - askedMs > 500) {
        askedMs = systemClock.monotonicMs();
        await this.controlPlane.refresh();
      }
      const view = await this.controlPlane.view();
      return view.head?.version === version ? view : null;
    };
    return until(`head ${version} at the control plane`, look, { explain: () => this.controlPlane.log });
  }

  /** Waits until every host is shown as converged on its newest target, and is. */
  async converged(names: readonly string[] = [...this.#hosts.keys()], seconds = 60): Promise<FleetView> {
    const targets = new Map<string, string>();
    for (const name of names) targets.set(name, (await this.fleet.target(name)).closure);
    const isThere = ({ hosts }: FleetView): boolean =>
      hosts.every(({ name, health, running }) => {
        return !targets.has(name) || (health === 'converged' && running === targets.get(name));
      });
    const logs = (): string => names.map((name) => `${name}:\n${this.host(name).log}`).join('\n');
    return this.controlPlane.until(`converged: ${names.join(', ')}`, isThere, { seconds, explain: logs });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const host of this.#hosts.values()) await host[Symbol.asyncDispose]();
    await this.controlPlane[Symbol.asyncDispose]();
    this.server[Symbol.dispose]();
    this.cache[Symbol.dispose]();
    rmSync(this.directory, { recursive: true, force: true, maxRetries: 3 });
  }

  async #addHost(name: string, index: number, nixStalledMs: number | undefined): Promise<void> {
    const route = await Route.open(() => this.controlPlane.port);
    const host = new LoopHost({
      name,
      directory: join(this.directory, 'hosts', name),
      route,
      fleet: this.fleet.name,
      trust: this.fleet.trustChain[0]?.bytes ?? new Uint8Array(),
      substituter: this.server.url,
      servicePort: servicePortBase + index,
      nixStalledMs,
    });
    await host.useKey();
    this.#hosts.set(name, host);
  }
}

/** The stand-in's service of the first host listens here: below the ephemeral ports, and one test file at a time uses it. */
const servicePortBase = 20_000 + (process.pid % 4000) * 3;

const marker = {
  kind: 'exec',
  command: ['/bin/sh', '-c', 'test ! -e "$NIXFLEET_SYSTEM_ROOT/sick"'],
  intervalSeconds: 1,
  timeoutSeconds: 5,
  failureThreshold: 2,
};

/** Every host of the intent runs this closure. */
export function onAll(closure: RealClosure): (next: TestIntent) => void {
  return (next) => {
    for (const host of Object.values(next.hosts)) host.real = { ...closure };
  };
}

function signingTime() {
  return msToInstant(systemClock.now() - signedAgoSeconds * 1000);
}

/** The policy of these scenarios: short times, so that a deadline is seen to pass. */
export function quick(intent: TestIntent): TestIntent {
  for (const channel of Object.values(intent.channels)) {
    for (const wave of channel.waves) wave.soakSeconds = 1;
    channel.policy.confirm.timeoutSeconds = 15;
    channel.policy.activationTimeoutSeconds = 10;
    channel.policy.unconfirmedRetrySeconds = 2;
    channel.policy.unconfirmedRetryMaxSeconds = 4;
  }
  return intent;
}

/** One channel `stable` with the canary alone. */
export function oneHost(): TestIntent {
  return quick({
    ...demoIntent(),
    hosts: { canary: testHost('stable') },
    channels: { stable: testChannel([['canary']]) },
  });
}

/** `stable`: the canary, then web-1. */
export function twoWaves(): TestIntent {
  return quick({
    ...demoIntent(),
    hosts: { canary: testHost('stable'), 'web-1': testHost('stable') },
    channels: { stable: testChannel([['canary'], ['web-1']]) },
  });
}
