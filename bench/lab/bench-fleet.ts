import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import {
  addSeconds,
  type CheckinRequest,
  type EventContent,
  type Instant,
  msToInstant,
  protocolHeader,
  type RolloutId,
  SwitchPolicy,
} from '@nixfleet/contracts';
import { systemClock } from '@nixfleet/contracts/node-clock';
import { nodeCrypto, privateKeyToPem } from '@nixfleet/contracts/node-crypto';
import { systemRandom } from '@nixfleet/contracts/node-random';
import { ControlPlane, directorySource, nextTurn, openSqliteStore, silentLog } from '@nixfleet/control-plane';
import {
  createTestFleet,
  demoIntent,
  type TestFleet,
  testChannel,
  testHost,
  testKey,
  testPolicy,
} from '@nixfleet/testkit';
import type { HostCheckin } from './hosts-program.ts';

/** Nothing here is a bound on one client: a thousand hosts share one address, and ask as fast as they can. */
const unbounded = { perSecond: 1e9, burst: 1_000_000_000, bucketsMax: 20_000 };
export const benchLimits = {
  identityRequests: unbounded,
  addressRequests: unbounded,
  hostEvents: unbounded,
  addressConnections: unbounded,
};

export interface BenchFleetOptions {
  readonly hosts: number;
  /** When everything is signed; default: now. */
  readonly now?: Instant;
}

/** A really signed fleet of one channel with one wave, its release published, in a directory of its own. */
export class BenchFleet implements AsyncDisposable {
  readonly fleet: TestFleet;
  readonly hosts: readonly string[];
  readonly directory: string;

  readonly #isLive: boolean;

  private constructor(
    fleet: TestFleet,
    hosts: readonly string[],
    { directory, isLive }: { directory: string; isLive: boolean },
  ) {
    this.fleet = fleet;
    this.hosts = hosts;
    this.directory = directory;
    this.#isLive = isLive;
  }

  static async create({ hosts: count, now }: BenchFleetOptions): Promise<BenchFleet> {
    const hosts = Array.from({ length: count }, (_, i) => `host-${i}`);
    const intent = demoIntent();
    intent.hosts = Object.fromEntries(hosts.map((name) => [name, testHost('stable')]));
    intent.channels = { stable: testChannel([hosts]) };
    const fleet = await createTestFleet({ intent, now: now ?? msToInstant(Date.now()), name: 'bench' });
    const directory = await mkdtemp(join(tmpdir(), 'nixfleet-bench-'));
    const made = new BenchFleet(fleet, hosts, { directory, isLive: now === undefined });
    await made.publish();
    await writeFile(join(directory, 'trust.json'), fleet.trustChain[0]?.bytes ?? '');
    const pem = privateKeyToPem((await testKey('control-plane')).privateKey);
    await writeFile(join(directory, 'tls.pem'), pem, { mode: 0o600 });
    return made;
  }

  get releases(): string {
    return join(this.directory, 'releases');
  }

  /** Settings of a control plane over this fleet. */
  get controlPlaneConfig() {
    return {
      trust: join(this.directory, 'trust.json'),
      tlsKey: join(this.directory, 'tls.pem'),
      listen: { host: '127.0.0.1', port: 0 },
      release: { kind: 'directory', path: this.releases },
      stateDirectory: join(this.directory, 'state'),
      limits: benchLimits,
    };
  }

  /** The next release, files first and the head last, each by rename. */
  async publish(change: Parameters<TestFleet['publish']>[0] = () => {}): Promise<void> {
    if (this.#isLive) this.fleet.now = msToInstant(Date.now());
    await this.fleet.publish(change);
    const isHead = (path: string): boolean => path.startsWith('head.json');
    const files = [...this.fleet.files].sort(([a], [b]) => Number(isHead(a)) - Number(isHead(b)));
    for (const [path, bytes] of files) {
      const file = join(this.releases, path);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(`${file}.next`, bytes);
      await rename(`${file}.next`, file);
    }
  }

  /** Every host's journal up to having converged on the newest release. */
  async converge(): Promise<void> {
    const [name = ''] = this.hosts;
    const rollout = await this.fleet.target(name);
    const manifest = this.fleet.current.manifests.get('stable')?.document;
    for (const host of this.hosts) {
      const entry = manifest?.hosts[host as never];
      if (!entry) throw new Error(`${host} is not in the manifest`);
      const { closure, closureDigest, attempt } = entry;
      const target = { ...rollout, closure, closureDigest, attempt };
      const journal = await this.fleet.journal(host);
      for (const content of convergence(target, this.fleet.now)) {
        await journal.append(content, { at: this.fleet.now, rolloutId: target.rolloutId as RolloutId });
      }
    }
  }

  /** Fills the state directory with the hosts' journals, as a control plane would have it that was there all the time. */
  async fillState(): Promise<void> {
    await mkdir(this.controlPlaneConfig.stateDirectory, { recursive: true, mode: 0o700 });
    const path = join(this.controlPlaneConfig.stateDirectory, 'control-plane.sqlite');
    await using store = openSqliteStore({ path, nextTurn });
    const trust = this.fleet.trustChain[0]?.bytes ?? new Uint8Array();
    const ports = { clock: systemClock, random: systemRandom, crypto: nodeCrypto, log: silentLog };
    const source = directorySource({ path: this.releases });
    await using controlPlane = await ControlPlane.start({ ...ports, trust, source, store, limits: benchLimits });
    const call = async (host: string, path: string, body: unknown): Promise<void> => {
      const peer = { spkiSha256: (await testKey(`host:${host}`)).keyId, address: '127.0.0.1' };
      const request = {
        method: 'POST',
        path,
        headers: { [protocolHeader]: '1' },
        body: Buffer.from(JSON.stringify(body)),
        signal: new AbortController().signal,
      };
      const { status, body: text } = await controlPlane.handle(peer, request);
      if (status !== 200) throw new Error(`${path} of ${host}: ${status} ${String(text)}`);
    };
    while (!controlPlane.readiness().release) await systemClock.sleep(20);
    for (const host of this.hosts) {
      const { journal, events } = await this.fleet.journal(host);
      await call(host, '/v1/agent/events', { journal, events });
      await call(host, '/v1/agent/checkin', await this.#checkinOf(host));
    }
    while (controlPlane.readiness().rebuilding) await systemClock.sleep(20);
  }

  /** What each host says of itself when it has seen everything there is. */
  async checkins(): Promise<HostCheckin[]> {
    const checkins: HostCheckin[] = [];
    for (const host of this.hosts) checkins.push({ host, body: await this.#checkinOf(host) });
    return checkins;
  }

  async #checkinOf(host: string): Promise<CheckinRequest> {
    const { position } = await this.fleet.journal(host);
    const head = await this.headSha256();
    const { closure } = this.fleet.current.manifests.get('stable')?.document.hosts[host as never] ?? { closure: null };
    return {
      agentVersion: '0.1.0',
      running: closure,
      bootId: 'boot-1' as CheckinRequest['bootId'],
      journal: position,
      seen: { head, go: null },
    };
  }

  async headSha256(): Promise<CheckinRequest['seen']['head']> {
    return (await this.fleet.verified()).head.sha256;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.directory, { recursive: true, force: true });
  }
}

type Target = Awaited<ReturnType<TestFleet['target']>>;

/** From first contact to convergence. */
function convergence(target: Target, at: Instant): EventContent[] {
  const policy = SwitchPolicy.parse(testPolicy);
  return [
    {
      kind: 'journal-started',
      body: { reason: 'first-contact', running: null, confirmed: null, agentVersion: '0.1.0' },
    },
    { kind: 'fetching', body: { target, policy } },
    { kind: 'activating', body: { target, revertTo: null, deadline: addSeconds(at, 300) } },
    { kind: 'confirming', body: { target, deadline: addSeconds(at, 120) } },
    { kind: 'confirmed', body: { target, soakUntil: at, by: 'control-plane' } },
    { kind: 'converged', body: { target, switched: true } },
  ];
}
