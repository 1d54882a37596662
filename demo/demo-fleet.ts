import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { execPath } from 'node:process';
import type { FleetView } from '@nixfleet/contracts';
import { CacheServer } from './cache-server.ts';
import { type ProbePrograms, probePrograms, writeCollector } from './host-evidence.ts';
import { type DemoHost, hostNames, type Layout, layoutOf } from './layout.ts';
import type { Narrator } from './narrator.ts';
import { NetworkLink } from './network-link.ts';
import { Observer, summarise } from './observer.ts';
import { must, Program, quote, type Ran, run } from './programs.ts';

/** What a commit says of the application. */
export interface AppVersion {
  readonly version: string;
  readonly healthy?: boolean;
  readonly cutsNetwork?: boolean;
  /** From here on the web channel enforces controls. */
  readonly controls?: boolean;
  /** A service that nobody needs. */
  readonly avahi?: boolean;
}

/** Keys of the demonstration, all made afresh; on a real fleet most of them live on tokens. */
const keyNames = ['root', 'release', 'head', 'operator', 'approver', 'control-plane', 'control-plane-spare'] as const;

/** The reference fleet: forge with CI, cache, control plane and four hosts, each a process of its own. */
export class DemoFleet implements AsyncDisposable {
  readonly layout: Layout;
  readonly #nixfleet: string;
  readonly #tell: Narrator;
  readonly #links = new Map<DemoHost, NetworkLink>();
  readonly #agents = new Map<DemoHost, Program>();
  readonly #servicePorts = new Map<DemoHost, number>();
  #cache: CacheServer | null = null;
  #controlPlane: Program | null = null;
  #controlPlanePort = 0;
  #observer: Observer | null = null;
  #lastView: FleetView | null = null;

  constructor(options: { readonly root: string; readonly nixfleet: string; readonly tell: Narrator }) {
    this.layout = layoutOf(options.root);
    this.#nixfleet = options.nixfleet;
    this.#tell = options.tell;
  }

  get observer(): Observer {
    if (this.#observer === null) throw new Error('the fleet is not set up');
    return this.#observer;
  }

  get controlPlanePort(): number {
    return this.#controlPlanePort;
  }

  get cacheUrl(): string {
    if (this.#cache === null) throw new Error('the fleet is not set up');
    return this.#cache.url;
  }

  link(host: DemoHost): NetworkLink {
    const link = this.#links.get(host);
    if (!link) throw new Error(`no link for ${host}`);
    return link;
  }

  servicePort(host: DemoHost): number {
    return this.#servicePorts.get(host) ?? 0;
  }

  key(name: (typeof keyNames)[number]): string {
    return join(this.layout.keys, `${name}.pem`);
  }

  /** Runs the shipped executable as the operator. */
  nixfleet(...args: string[]): Promise<Ran> {
    return run([this.#nixfleet, ...args], { env: { ...this.#environment, NIXFLEET_CONFIG: this.layout.settings } });
  }

  async setUp(): Promise<void> {
    const { layout } = this;
    for (const folder of layout.closed) await mkdir(folder, { mode: 0o700 });
    await mkdir(layout.ci.state);
    await this.#makeKeys();
    await this.#makeForge();
    this.#cache = await CacheServer.open(layout.cache);
    await this.#makeTrust();
    await this.#writeCi();
    this.#controlPlanePort = await freePort();
    await this.#writeControlPlane();
    const programs = await probePrograms(this.#nixfleet, layout.programs);
    for (const name of hostNames) await this.#writeAgent(name, programs);
    await this.startControlPlane();
    const operator = JSON.parse(await this.#must('keys', 'show', this.key('control-plane'), '--json'));
    await this.#writeJson(layout.settings, {
      fleet: 'demo',
      controlPlanes: [this.#controlPlaneUrl(this.#controlPlanePort)],
      trust: layout.trust,
      identity: this.key('operator'),
      releases: `${layout.forge}#releases`,
    });
    this.#observer = await Observer.open({
      url: this.#controlPlaneUrl(this.#controlPlanePort),
      pin: operator.keyId,
      operatorKeyFile: this.key('operator'),
      onView: (view) => {
        this.#lastView = view;
        this.#tell.live(summarise(view).replaceAll('\n', ' · '));
      },
    });
    for (const name of hostNames) this.#startAgent(name);
    this.#tell.say(`${hostNames.length} agents, a control plane, a cache and a forge run on loopback`);
  }

  /** Commits and pushes; CI runs in the forge's hook, so it has released when this returns. */
  async push(app: AppVersion): Promise<string> {
    const output = await this.#commitAndPush(app);
    if (isRefused(output)) throw new Error(`CI failed:\n${output.slice(-3000)}`);
    await this.observer.refresh();
    this.#tell.say(`CI released ${app.version} (${this.#tell.elapsedSeconds.toFixed(0)} s)`);
    return output;
  }

  /** As `push`, of what CI has to refuse; what it printed. */
  async pushRefused(app: AppVersion): Promise<string> {
    const output = await this.#commitAndPush(app);
    if (!isRefused(output)) throw new Error(`CI released ${app.version}`);
    return output;
  }

  async #commitAndPush(app: AppVersion): Promise<string> {
    const { source } = this.layout;
    const defaults = { healthy: true, cutsNetwork: false, controls: false, avahi: false };
    await this.#writeJson(join(source, 'app.json'), { ...defaults, ...app });
    await must(['git', '-C', source, 'add', '--all']);
    await must(['git', '-C', source, 'commit', '--quiet', '--message', `app ${app.version}`]);
    const pushed = await run(['git', '-C', source, 'push', '--quiet', 'origin', 'main']);
    const output = `${pushed.stdout}${pushed.stderr}`.replaceAll(/^remote: ?/gm, '');
    await writeFile(join(this.layout.logs, `ci-${app.version}.log`), output);
    if (pushed.exitCode !== 0) throw new Error(`git push failed:\n${output.slice(-3000)}`);
    return output;
  }

  /** Position of the newest event in the control plane's log. */
  async position(): Promise<number> {
    return (await this.observer.eventsAfter(0)).at(-1)?.position ?? 0;
  }

  async startControlPlane(): Promise<void> {
    this.#controlPlane = new Program(
      [this.#nixfleet, 'control-plane', 'run', '--config', this.layout.controlPlane.config],
      {
        log: join(this.layout.logs, 'control-plane.log'),
      },
    );
  }

  async killControlPlane(): Promise<void> {
    await this.#controlPlane?.kill('SIGKILL');
  }

  async wipeControlPlane(): Promise<void> {
    await rm(this.layout.controlPlane.state, { recursive: true, force: true });
    await mkdir(this.layout.controlPlane.state, { recursive: true });
  }

  async lastView(): Promise<FleetView | null> {
    return (await this.#observer?.fleet().catch(() => null)) ?? this.#lastView;
  }

  howToLookCloser(): string[] {
    return [
      `export NIXFLEET_CONFIG=${this.layout.settings}`,
      `${this.#nixfleet} status --watch`,
      `${this.#nixfleet} why web-1`,
      `${this.#nixfleet} rollout list`,
      `${this.#nixfleet} verify release`,
      `push a commit of your own from ${this.layout.source}`,
    ];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#observer?.[Symbol.dispose]();
    await Promise.all(
      [...this.#agents.values(), this.#controlPlane].map((program) => program?.[Symbol.asyncDispose]()),
    );
    for (const link of this.#links.values()) await link[Symbol.asyncDispose]();
    await this.#cache?.[Symbol.asyncDispose]();
    await this.#stopServices();
  }

  // ---- setting up

  async #makeKeys(): Promise<void> {
    for (const name of keyNames) await this.#must('keys', 'new', this.key(name));
    const { keys } = this.layout;
    const cacheKeys = [
      'nix-store',
      // CI's store: without it Nix opens the machine's own, which this user may be unable to make or write.
      ...['--store', this.layout.ci.store],
      '--generate-binary-cache-key',
      'demo-1',
      join(keys, 'cache'),
      join(keys, 'cache.pub'),
    ];
    await must(cacheKeys as [string, ...string[]]);
    for (const name of hostNames) {
      const { key } = this.layout.host(name);
      await mkdir(dirname(key), { recursive: true });
      await must(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', key]);
      this.#servicePorts.set(name, await freePort());
    }
  }

  async #makeForge(): Promise<void> {
    const { forge, source } = this.layout;
    await must(['git', 'init', '--quiet', '--bare', '--initial-branch=main', forge]);
    await cp(shared('demo', 'demo/template'), source, { recursive: true });
    await cp(shared('nix', 'nix'), join(source, 'nixfleet'), { recursive: true });
    const machines: Record<string, { pubkey: string; port: number }> = {};
    for (const name of hostNames) {
      const line = await readFile(`${this.layout.host(name).key}.pub`, 'utf8');
      machines[name] = { pubkey: line.trim(), port: this.servicePort(name) };
    }
    const operator = JSON.parse(await this.#must('keys', 'show', this.key('operator'), '--json'));
    await this.#writeJson(join(source, 'hosts.json'), machines);
    await this.#writeJson(join(source, 'operators.json'), { you: { pubkeys: [operator.openssh] } });
    const git = (...args: string[]) => must(['git', '-C', source, ...args]);
    await git('init', '--quiet', '--initial-branch=main');
    await git('config', 'user.name', 'you');
    await git('config', 'user.email', 'you@example.org');
    await git('remote', 'add', 'origin', forge);
    await git('add', '--all');
    await git('commit', '--quiet', '--message', 'The fleet');
  }

  async #makeTrust(): Promise<void> {
    const { keys, trust, forge } = this.layout;
    const signers = { root: 'root', ci: 'release', 'ci-head': 'head', you: 'approver' } as const;
    await this.#must(
      ...['trust', 'init', '--fleet', 'demo', '--releases', `${forge}#releases`],
      ...Object.entries(signers).flatMap(([name, key]) => ['--signer', `${name}=${this.key(key)}`]),
      ...['--role', 'root=1:root', '--role', 'release=1:ci', '--role', 'head=1:ci-head', '--role', 'approver=1:you'],
      ...['--cache-key', join(keys, 'cache.pub')],
      ...['--control-plane-key', this.key('control-plane')],
      ...['--spare-control-plane-key', this.key('control-plane-spare')],
      ...['--root-key', this.key('root'), '--output', trust],
    );
  }

  async #writeCi(): Promise<void> {
    const { ci, forge, trust, keys, cache } = this.layout;
    const options = ['sandbox=false', 'build-users-group=', 'substitute=false', `sandbox-paths=${sandboxPaths}`];
    const args = [
      ...['release', '--source', '.', '--releases', `${forge}#releases`, '--trust', trust],
      ...['--release-key', this.key('release'), '--head-key', this.key('head')],
      ...['--floors', join(ci.state, 'floors.json'), '--store', ci.store, '--roots', join(ci.state, 'roots')],
      ...options.flatMap((option) => ['--nix-option', option]),
      ...['--push-to', `file://${cache}?secret-key=${join(keys, 'cache')}`, '--cache', this.cacheUrl],
    ];
    await mkdir(dirname(ci.script), { recursive: true });
    const script = `#!/bin/sh
# What a CI runner does on a push: a clean checkout of the commit, and one command.
set -eu
unset GIT_DIR GIT_QUARANTINE_PATH GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES || true
export XDG_CACHE_HOME=${ci.state}/cache XDG_STATE_HOME=${ci.state} NO_COLOR=1
while read -r _ commit ref; do
  [ "$ref" = refs/heads/main ] || continue
  rm -rf ${ci.work}
  git clone --quiet ${forge} ${ci.work}
  cd ${ci.work}
  git checkout --quiet --detach "$commit"
  first=
  [ -e ${ci.state}/floors.json ] || first=--first-use
  ${[this.#nixfleet, ...args].map(quote).join(' ')} $first
done
`;
    await writeFile(ci.script, script, { mode: 0o755 });
    await writeFile(join(forge, 'hooks', 'post-receive'), `#!/bin/sh\nexec ${ci.script}\n`, { mode: 0o755 });
  }

  async #writeControlPlane(): Promise<void> {
    const { controlPlane, trust, forge } = this.layout;
    await mkdir(controlPlane.state, { recursive: true });
    await this.#writeJson(controlPlane.config, {
      trust,
      tlsKey: this.key('control-plane'),
      listen: { host: '127.0.0.1', port: this.#controlPlanePort },
      release: { kind: 'git', url: forge, branch: 'releases', path: '' },
      stateDirectory: controlPlane.state,
      pollSeconds: 5,
      rebuildSecondsMax: 20,
      offlineAfterSeconds: 5,
    });
  }

  async #writeAgent(name: DemoHost, programs: ProbePrograms): Promise<void> {
    const host = this.layout.host(name);
    const link = await NetworkLink.open({ targetPort: this.#controlPlanePort, cutFile: host.cutFile });
    this.#links.set(name, link);
    await mkdir(host.state, { recursive: true, mode: 0o700 });
    for (const folder of [host.store, host.system]) await mkdir(folder, { recursive: true });
    await writeCollector(host, this.#nixfleet, programs);
    await this.#writeJson(host.config, {
      fleet: 'demo',
      host: name,
      stateDirectory: host.state,
      key: host.key,
      trust: this.layout.trust,
      controlPlanes: [this.#controlPlaneUrl(link.port)],
      substituters: [this.cacheUrl],
      path: process.env.PATH ?? '/usr/bin:/bin',
      collector: { command: [host.collector.script], directory: host.collector.directory },
      backend: {
        kind: 'profile',
        storeDirectory: host.store,
        systemRoot: host.system,
        environment: { NIXFLEET_NODE: execPath, NIXFLEET_SERVICE_PORT: String(this.servicePort(name)) },
      },
    });
  }

  #startAgent(name: DemoHost): void {
    const program = new Program([this.#nixfleet, 'agent', 'run', '--config', this.layout.host(name).config], {
      log: join(this.layout.logs, `agent-${name}.log`),
    });
    this.#agents.set(name, program);
  }

  // ---- small things

  async #must(...args: string[]): Promise<string> {
    return must([this.#nixfleet, ...args], { env: this.#environment });
  }

  /** Nothing of the demo's goes into the user's own caches. */
  get #environment(): Record<string, string> {
    return { XDG_CACHE_HOME: join(dirname(this.layout.settings), 'cache'), NO_COLOR: '1' };
  }

  #controlPlaneUrl(port: number): string {
    return `https://127.0.0.1:${port}`;
  }

  async #writeJson(path: string, value: object): Promise<void> {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, `${JSON.stringify(value, null, 2)}\n`);
  }

  /** The services outlive their agents by design; the demonstration takes them with it. */
  async #stopServices(): Promise<void> {
    for (const name of hostNames) {
      const identity = join(this.layout.host(name).system, 'run', 'nixfleet-service', 'identity');
      const pid = Number((await readFile(identity, 'utf8').catch(() => '')).split(' ')[0]);
      if (Number.isSafeInteger(pid) && pid > 1) {
        try {
          process.kill(pid, 'SIGTERM');
        } catch {
          // Gone already.
        }
      }
    }
  }
}

/** Where the builders' /bin/sh and coreutils are, for a chroot store. */
const sandboxPaths = '/bin /usr/bin /lib? /lib64? /usr/lib? /usr/lib64?';

/** Data of the bundle, or of the checkout when run from source. */
function shared(inBundle: string, inCheckout: string): string {
  const here = import.meta.dirname;
  return here.endsWith(join('dist', 'lib')) ? join(here, '..', 'share', inBundle) : join(here, '..', inCheckout);
}

function isRefused(output: string): boolean {
  return /^nixfleet: /m.test(output);
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise<void>((resolve) => server.close(() => resolve()));
  if (address === null || typeof address === 'string') throw new Error('no port is free');
  return address.port;
}
