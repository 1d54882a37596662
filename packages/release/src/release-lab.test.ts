import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type HostName, pinTrust, type Signer, type TrustState, type VerifyContext } from '@nixfleet/contracts';
import { systemClock } from '@nixfleet/contracts/node-clock';
import { nodeCrypto } from '@nixfleet/contracts/node-crypto';
import { systemRandom } from '@nixfleet/contracts/node-random';
import {
  accepted,
  createTestFleet,
  demoIntent,
  FakeClock,
  fleetDocumentOf,
  type TestFleet,
  type TestIntent,
  testKey,
} from '@nixfleet/testkit';
import { parseFleetSource } from './fleet-source.ts';
import { type FloorStore, fileFloors } from './floors.ts';
import { openGit } from './git.ts';
import { gitTarget } from './git-target.ts';
import { openCache } from './open-cache.ts';
import type { PathInfo } from './path-info.ts';
import { noProgress } from './progress.ts';
import { type ReleaseInput, type ReleasePorts, type ReleaseRun, release } from './release.ts';
import type { ReleaseOutcome } from './release-refusal.ts';
import type { ReleaseTarget } from './release-target.ts';
import type { Publisher } from './sign-and-publish.ts';
import { systemCommands } from './system-commands.ts';
import { systemNix } from './system-nix.ts';

const exec = promisify(execFile);

/** A fleet expression without any library: hosts and versions from two JSON files beside it, built by /bin/sh. */
const fleetNix = `
let
  resolved = builtins.fromJSON (builtins.readFile ./resolved.json);
  versions = builtins.fromJSON (builtins.readFile ./versions.json);
  build = name: script: derivation {
    inherit name;
    system = "x86_64-linux";
    builder = "/bin/sh";
    args = [ "-euc" script ];
    PATH = "/usr/bin:/bin";
  };
  library = build "libdemo-1.0" "echo library > $out";
  app = version: build "app-\${version}" "mkdir $out; echo \${version} > $out/version; echo \${library} > $out/library";
  toplevel = host: version:
    if version == "broken" then build "nixos-system-\${host}" "echo no such option >&2; exit 1"
    else if version == "unevaluable" then throw "the option does not exist"
    else if version == "unguarded" then build "nixos-system-\${host}" "mkdir -p $out/etc/systemd/system"
    else build "nixos-system-\${host}" "mkdir $out; echo \${app version} > $out/app";
in
{
  inherit resolved;
  warnings = [ "a warning" ];
  hostWarnings = { web-1 = [ "about a host" ]; canary = [ "about a host" ]; };
  compliance = if builtins.pathExists ./compliance.json then builtins.fromJSON (builtins.readFile ./compliance.json) else { };
  toplevels = builtins.mapAttrs (host: _: toplevel host versions.\${host}) resolved.hosts;
}
`;

/** A chroot store may not look outside; what /bin/sh needs is shown to builders. */
export const nixOptions = {
  sandbox: 'false',
  'build-users-group': '',
  substituters: '',
  'sandbox-paths': '/bin /lib /lib64 /usr',
};

/** CI with everything real but the time: a store, a signed cache behind HTTP, a source repository, a forge, keys. */
export class ReleaseLab implements AsyncDisposable {
  readonly directory: string;
  readonly fleet: TestFleet;
  readonly start: TrustState;
  readonly clock = new FakeClock('2026-06-01T08:00:00Z');
  readonly ctx: VerifyContext;
  readonly intent: TestIntent = demoIntent();
  readonly versions: Record<string, string> = { canary: '1.0', 'web-1': '1.0', 'web-2': '1.0', db: '1.0' };
  readonly #server: Server;

  private constructor(directory: string, fleet: TestFleet, start: TrustState, server: Server) {
    this.directory = directory;
    this.fleet = fleet;
    this.start = start;
    this.ctx = { crypto: nodeCrypto, fleet: fleet.name };
    this.#server = server;
  }

  static async create(options: { readonly releaseThreshold?: number } = {}): Promise<ReleaseLab> {
    const directory = await mkdtemp(join(tmpdir(), 'nixfleet-release-'));
    const at = (name: string) => join(directory, name);
    await mkdir(at('cache'));
    await exec('nix-store', ['--generate-binary-cache-key', 'cache-1', at('cache.secret'), at('cache.public')]);
    const cacheKey = (await readFile(at('cache.public'), 'utf8')).trim();
    const fleet = await createTestFleet({
      trust: (draft) => {
        draft.cacheKeys = [cacheKey];
        draft.roles.release.threshold = options.releaseThreshold ?? 1;
      },
    });
    const first = fleet.trustChain[0];
    if (!first) throw new Error('the test fleet has no trust');
    const start = accepted(await pinTrust(fleet.ctx, first.bytes));
    await exec('git', ['init', '--quiet', '--bare', at('forge.git')]);
    await exec('git', ['init', '--quiet', '--initial-branch=main', at('source')]);
    const lab = new ReleaseLab(directory, fleet, start, await serve(at('cache')));
    await writeFile(lab.at('source/fleet.nix'), fleetNix);
    await lab.commit();
    await lab.publishTrust();
    return lab;
  }

  at(name: string): string {
    return join(this.directory, name);
  }

  get commands() {
    return systemCommands({ clock: systemClock });
  }

  get nix() {
    return systemNix({ commands: this.commands, config: { store: this.at('store'), options: nixOptions } });
  }

  get cacheUrl(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get cache() {
    return openCache(this.cacheUrl, { clock: systemClock });
  }

  get git() {
    return openGit({ commands: this.commands, directory: this.at('source') });
  }

  get target(): ReleaseTarget {
    return gitTarget(this.git, { remote: this.at('forge.git') });
  }

  get floors(): FloorStore {
    return fileFloors(this.at('floors.json'), { random: systemRandom });
  }

  get ports(): ReleasePorts {
    const { nix, commands, clock } = this;
    const memory = { residentBytes: () => null };
    return { nix, commands, clock, crypto: nodeCrypto, memory, progress: noProgress };
  }

  async publisher(signedBy: readonly string[] = ['ci'], headBy: readonly string[] = ['ci-head']): Promise<Publisher> {
    const { target, start, floors, clock } = this;
    const releaseSigners: Signer[] = await Promise.all(signedBy.map((label) => testKey(label)));
    const headSigners: Signer[] = await Promise.all(headBy.map((label) => testKey(label)));
    return { target, start, floors, clock, releaseSigners, headSigners, progress: noProgress, isFirstUse: true };
  }

  /** Writes the fleet as it is now and commits it; returns the commit. */
  async commit(message = 'change'): Promise<string> {
    for (const [name, host] of Object.entries(this.intent.hosts)) {
      if (host.pubkeys.length === 0) host.pubkeys.push((await testKey(`host:${name}`)).openssh);
    }
    this.intent.operators = {};
    const resolved = fleetDocumentOf(this.fleet.name, this.intent);
    await writeFile(this.at('source/resolved.json'), JSON.stringify(resolved));
    await writeFile(this.at('source/versions.json'), JSON.stringify(this.versions));
    return this.gitCommit(message);
  }

  async gitCommit(message: string): Promise<string> {
    const author = ['-c', 'user.name=ci', '-c', 'user.email=ci@example.org'];
    await exec('git', ['-C', this.at('source'), 'add', '--all']);
    await exec('git', ['-C', this.at('source'), ...author, 'commit', '--quiet', '--allow-empty', '-m', message]);
    return (await exec('git', ['-C', this.at('source'), 'rev-parse', 'HEAD'])).stdout.trim();
  }

  async publishTrust(): Promise<void> {
    const { revision } = await this.target.snapshot();
    const files = new Map([...this.fleet.files].filter(([path]) => path.startsWith('trust/')));
    accepted(
      await this.target.publish({ change: { files, removed: new Set() }, expected: revision, message: 'Trust' }),
    );
  }

  /** The tip of the published branch; the test's witness that nothing or something happened. */
  async tip(): Promise<string> {
    return (await this.target.snapshot()).revision ?? '';
  }

  async release({
    ports = this.ports,
    ...options
  }: Partial<ReleaseInput> & { ports?: ReleasePorts } = {}): Promise<ReleaseOutcome<ReleaseRun>> {
    const roots = await mkdtemp(this.at('roots-'));
    return release(ports, {
      fleet: parseFleetSource('fleet.nix', { directory: this.at('source') }),
      sourceGit: this.git,
      systems: 'all',
      limits: { workersMax: 2, budgetBytes: 2 ** 31, workerBytes: 2 ** 29 },
      buildsMax: 2,
      rootsDirectory: roots,
      push: { kind: 'copy', url: `file://${this.at('cache')}?secret-key=${this.at('cache.secret')}&compression=none` },
      cache: this.cache,
      publisher: options.publisher ?? (await this.publisher()),
      ...options,
    });
  }

  /** Builds and pushes one host without releasing it. */
  async pushed(
    host: HostName,
    url = `file://${this.at('cache')}?secret-key=${this.at('cache.secret')}`,
  ): Promise<PathInfo[]> {
    const source = parseFleetSource('fleet.nix', { directory: this.at('source') });
    const { derivation } = accepted(await this.nix.instantiate(source, host));
    accepted(await this.nix.build([derivation], {}));
    const path = accepted(await this.nix.realise(derivation, join(await mkdtemp(this.at('roots-')), host)));
    accepted(await this.nix.copy(url, [path]));
    return accepted(await this.nix.closureInfo(path));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    await exec('chmod', ['-R', 'u+w', this.directory]);
    await rm(this.directory, { recursive: true, force: true });
  }
}

/** A static file server, as a binary cache is. */
async function serve(directory: string): Promise<Server> {
  const server = createServer((request, response) => {
    const path = join(directory, decodeURIComponent(new URL(request.url ?? '/', 'http://cache').pathname));
    const answer = async () => {
      const { size } = await stat(path);
      response.writeHead(200, { 'content-length': size });
      response.end(request.method === 'HEAD' ? undefined : await readFile(path));
    };
    answer().catch(() => response.writeHead(404).end());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}
