import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@nixfleet/agent';
import { formatOpensshPublicLine, msToInstant } from '@nixfleet/contracts';
import { privateKeyToPem } from '@nixfleet/contracts/node-crypto';
import { createTestFleet, type RealClosure, type TestFleet, type TestIntent, testKey } from '@nixfleet/testkit';
import { CacheServer } from '../../loop/harness/cache-server.ts';
import { OperatorViews } from '../../loop/harness/operator-views.ts';
import { until } from '../../loop/harness/until.ts';
import { command } from './command.ts';
import { Forge, forgeFolder } from './forge.ts';
import { Machine } from './machine.ts';
import { SystemBuilder, type SystemSpec } from './system-builder.ts';

const baseImage = join(import.meta.dirname, 'base-image.sh');
const bridge = 'fleet0';
/** The cache and the forge; the control plane is .2, the hosts follow. */
const serverAddress = '10.99.0.1';
const controlPlaneAddress = '10.99.0.2';
const cachePort = 8080;
const controlPlanePort = 8443;
/** Documents are signed so long ago, in seconds: no machine's clock is behind the signer's. */
const signedAgoSeconds = 5;
/** The machine that the control plane runs on. */
export const controlPlaneHost = 'control';

/** Healthy unless somebody makes the file. */
const marker = {
  kind: 'exec',
  command: ['/bin/sh', '-c', 'test ! -e /run/sick'],
  intervalSeconds: 1,
  timeoutSeconds: 5,
  failureThreshold: 2,
};

/**
 * A fleet of booted machines on a network of their own, one of which is its control plane; the cache and the forge are in
 * this process. Everything lies on disks in memory that end with it.
 */
export class World extends OperatorViews implements AsyncDisposable {
  readonly fleet: TestFleet;
  readonly cache: CacheServer;
  readonly #directory: string;
  readonly #builder: SystemBuilder;
  readonly #forge: Forge;
  readonly #machines = new Map<string, Machine>();
  readonly #hostNames: readonly string[];
  #publishing: Promise<unknown> = Promise.resolve();

  private constructor(parts: {
    directory: string;
    fleet: TestFleet;
    cache: CacheServer;
    builder: SystemBuilder;
    forge: Forge;
    hostNames: readonly string[];
  }) {
    super();
    this.fleet = parts.fleet;
    this.cache = parts.cache;
    this.#directory = parts.directory;
    this.#builder = parts.builder;
    this.#forge = parts.forge;
    this.#hostNames = parts.hostNames;
  }

  /** The network, the cache, the forge and a fleet that signs. Machines come with `install`. */
  static async open(intent: TestIntent): Promise<World> {
    const directory = mkdtempSync(join(tmpdir(), 'nixfleet-machines-'));
    command('ip', 'link', 'add', bridge, 'type', 'bridge');
    command('ip', 'address', 'add', `${serverAddress}/24`, 'dev', bridge);
    command('ip', 'link', 'set', bridge, 'up');
    const builder = new SystemBuilder(join(directory, 'systems'));
    const fleet = await createTestFleet({
      now: signingTime(),
      intent,
      trust: (draft) => {
        draft.cacheKeys = [builder.publicKey];
      },
    });
    const cache = await CacheServer.open(builder.cacheDirectory, { host: serverAddress, port: cachePort });
    const forge = new Forge(join(directory, 'forge'), serverAddress);
    return new World({ directory, fleet, cache, builder, forge, hostNames: Object.keys(intent.hosts) });
  }

  protected url(): string {
    return `https://${controlPlaneAddress}:${controlPlanePort}`;
  }

  get log(): string {
    return this.machine(controlPlaneHost).log;
  }

  get machines(): readonly Machine[] {
    return [...this.#machines.values()];
  }

  machine(name: string): Machine {
    const machine = this.#machines.get(name);
    if (!machine) throw new Error(`there is no machine ${name}`);
    return machine;
  }

  addressOf(host: string): string {
    return host === controlPlaneHost ? controlPlaneAddress : `10.99.0.${11 + this.#hostNames.indexOf(host)}`;
  }

  /** Wants a system for a host, under the name of its version. */
  want(host: string, version: string, spec: SystemSpec = {}): void {
    this.#builder.want(`${host}-${version}`, {
      name: host,
      version,
      address: this.addressOf(host),
      agentSettings: this.#agentSettings(host),
      healthChecks: { marker },
      ...(host === controlPlaneHost ? { controlPlane: controlPlaneSettings } : {}),
      ...spec,
    });
  }

  closure(host: string, version: string): RealClosure {
    return this.#builder.closure(`${host}-${version}`);
  }

  build(): Promise<void> {
    return this.#builder.build();
  }

  /** Every host of the fleet as an installer leaves it: a first system, its key, and the trust to start from. Switched off. */
  async install(version: string): Promise<void> {
    const image = command(baseImage).trim();
    const store = join(this.#directory, 'store');
    const systems = this.#hostNames.map((host) => this.closure(host, version).closure);
    mkdirSync(store);
    this.#builder.installInto(store, systems);
    for (const [i, name] of this.#hostNames.entries()) {
      const machine = new Machine({ name, directory: this.#directory, layers: [store, image], bridge });
      this.#machines.set(name, machine);
      machine.write('/etc/nixfleet/trust.json', this.fleet.trustChain[0]?.bytes ?? '');
      machine.write('/etc/ssh/ssh_host_ed25519_key', await pem(`host:${name}`), 0o600);
      machine.write('/etc/ssh/ssh_host_ed25519_key.pub', `${await publicLine(name)}\n`);
      if (name === controlPlaneHost)
        machine.write('/etc/nixfleet/control-plane.pem', await pem('control-plane'), 0o600);
      machine.install(systems[i] ?? '');
    }
  }

  async start(): Promise<void> {
    await Promise.all(this.machines.map((machine) => machine.start()));
  }

  /** Signs and pushes a release, one at a time, and waits until the control plane has it. */
  publish(change: (next: TestIntent) => void): Promise<void> {
    const published = this.#publishing.then(async () => {
      this.fleet.now = signingTime();
      await this.fleet.publish(change);
      this.#forge.push(this.fleet.files);
      return this.fleet.headDocument.version;
    });
    this.#publishing = published.catch(() => {});
    return published.then((version) => this.#untilRead(version));
  }

  /** Releases a system to one host. */
  release(host: string, closure: RealClosure, change: (next: TestIntent) => void = () => {}): Promise<void> {
    return this.publish((next) => {
      setClosure(next, host, closure);
      change(next);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.machines.map((machine) => machine[Symbol.asyncDispose]()));
    this.#forge[Symbol.dispose]();
    this.cache[Symbol.dispose]();
    command('ip', 'link', 'delete', bridge);
    rmSync(this.#directory, { recursive: true, force: true });
  }

  async #untilRead(version: number): Promise<void> {
    let askedMs = 0;
    const look = async (): Promise<boolean> => {
      if (systemClock.monotonicMs() - askedMs > 500) {
        askedMs = systemClock.monotonicMs();
        await this.refresh();
      }
      const { head } = await this.view();
      return (head?.version ?? 0) >= version;
    };
    await until(`head ${version} at the control plane`, look, { explain: () => this.log });
  }

  #agentSettings(host: string): object {
    return {
      fleet: this.fleet.name,
      host,
      stateDirectory: '/var/lib/nixfleet-agent',
      key: '/etc/ssh/ssh_host_ed25519_key',
      trust: '/etc/nixfleet/trust.json',
      controlPlanes: [`https://control:${controlPlanePort}`],
      substituters: [`http://cache:${cachePort}`],
      path: '/run/current-system/sw/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      backend: { kind: 'nixos', clockSynchronisedFile: '/run/systemd/timesync/synchronized' },
    };
  }
}

const controlPlaneSettings = {
  trust: '/etc/nixfleet/trust.json',
  tlsKey: '/etc/nixfleet/control-plane.pem',
  listen: { host: controlPlaneAddress, port: controlPlanePort },
  release: { kind: 'git', url: `git://${serverAddress}/releases.git`, path: forgeFolder },
  stateDirectory: '/var/lib/nixfleet-control-plane',
  pollSeconds: 5,
  rebuildSecondsMax: 20,
  offlineAfterSeconds: 5,
};

export function setClosure(next: TestIntent, name: string, closure: RealClosure): void {
  const host = next.hosts[name];
  if (!host) throw new Error(`no host ${name} in the intent`);
  host.real = { ...closure };
}

async function pem(label: string): Promise<string> {
  return privateKeyToPem((await testKey(label)).privateKey);
}

/** What a fleet declares for a host. */
export async function publicLine(host: string): Promise<string> {
  return formatOpensshPublicLine((await testKey(`host:${host}`)).publicKey);
}

function signingTime() {
  return msToInstant(systemClock.now() - signedAgoSeconds * 1000);
}
