import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type Files,
  fileSystem,
  HttpsTransport,
  jsonLog,
  NixCommands,
  ProfileHost,
  parseAgentConfig,
  type RunningAgent,
  startAgent,
  systemClock,
  type Transport,
} from '@nixfleet/agent';
import type { Clock } from '@nixfleet/contracts';
import { nodeCrypto, privateKeyToPem } from '@nixfleet/contracts/node-crypto';
import { systemRandom } from '@nixfleet/contracts/node-random';
import { type TestKey, testKey } from '@nixfleet/testkit';
import { NodeProcess } from './child-process.ts';
import type { Route } from './route.ts';
import { WatchedHost } from './watched-host.ts';

const agentMain = join(import.meta.dirname, 'agent-main.ts');
const detachedProgram = join(import.meta.dirname, '../../../packages/agent/src/dead-man-main.ts');
/** Lines of the agent's log that are kept for a failing test. */
const linesMax = 400;

/** One host: its own store, root, key, profile and way to the control plane; and its agent, in this process or in one of its own. */
export class LoopHost extends WatchedHost implements AsyncDisposable {
  readonly name: string;
  readonly directory: string;
  readonly route: Route;
  /** Of the stand-in's service, on loopback. */
  readonly servicePort: number;
  readonly #config: Record<string, unknown>;
  readonly #nixStalledMs: number | undefined;
  readonly #lines: string[] = [];
  #process: NodeProcess | null = null;
  #agent: RunningAgent | null = null;

  constructor(options: {
    name: string;
    directory: string;
    route: Route;
    fleet: string;
    trust: Uint8Array;
    substituter: string;
    servicePort: number;
    /** After how long a fetch without progress is given up; undefined: as in a real agent. */
    nixStalledMs?: number | undefined;
  }) {
    super();
    const { name, directory, route } = options;
    this.name = name;
    this.directory = directory;
    this.route = route;
    this.servicePort = options.servicePort;
    this.#nixStalledMs = options.nixStalledMs;
    mkdirSync(join(directory, 'root'), { recursive: true });
    writeFileSync(join(directory, 'trust.json'), options.trust);
    this.#config = {
      fleet: options.fleet,
      host: name,
      stateDirectory: this.stateDirectory,
      key: join(directory, 'key'),
      trust: join(directory, 'trust.json'),
      controlPlanes: [route.url],
      substituters: [options.substituter],
      path: process.env.PATH,
      backend: {
        kind: 'profile',
        storeDirectory: join(directory, 'store'),
        systemRoot: this.root,
        environment: { NIXFLEET_NODE: process.execPath, NIXFLEET_SERVICE_PORT: String(this.servicePort) },
      },
    };
  }

  get root(): string {
    return join(this.directory, 'root');
  }

  get stateDirectory(): string {
    return join(this.directory, 'state');
  }

  /** Where a store path lies on this machine. */
  locate(storePath: string): string {
    return join(this.directory, 'store', storePath);
  }

  get running(): string | null {
    return readLink(join(this.root, 'run/current-system'));
  }

  get bootDefault(): string | null {
    const profiles = join(this.directory, 'store/nix/var/nix/profiles');
    const generation = readLink(join(profiles, 'system'));
    return generation === null ? null : readLink(join(profiles, generation));
  }

  /** Its key, unless another one was put there. */
  async useKey(key?: TestKey): Promise<void> {
    const { privateKey } = key ?? (await testKey(`host:${this.name}`));
    writeFileSync(join(this.directory, 'key'), privateKeyToPem(privateKey), { mode: 0o600 });
  }

  configure(change: (config: Record<string, unknown>) => void): void {
    change(this.#config);
    parseAgentConfig(this.#config);
  }

  /** The agent as a process of its own, to be killed. */
  startProcess(): void {
    const path = join(this.directory, 'agent.json');
    writeFileSync(path, JSON.stringify(this.#config));
    this.#process = new NodeProcess(agentMain, [path]);
  }

  /**
   * The agent in this process, over the same real parts but for those given. `between`: what somebody between it and the
   * honest control plane, or a stolen one, makes of requests and replies.
   */
  async start({
    clock = systemClock,
    files = fileSystem,
    between = (transport) => transport,
  }: {
    clock?: Clock;
    files?: Files;
    between?: (transport: Transport) => Transport;
  } = {}): Promise<RunningAgent> {
    const config = parseAgentConfig(this.#config);
    if (config.backend.kind !== 'profile') throw new Error('expected the backend profile');
    const { storeDirectory, systemRoot, environment } = config.backend;
    const profile = join(storeDirectory, 'nix/var/nix/profiles/system');
    const host = new ProfileHost({
      settings: { storeDirectory, systemRoot, profile, path: config.path, environment },
      directory: join(config.stateDirectory, 'switch'),
      files,
      clock: systemClock,
      random: systemRandom,
      detachedProgram,
      clockSynchronisedFile: null,
    });
    const { path, nixEnvironment } = config;
    const agent = await startAgent(config, {
      agentVersion: '0.1.0',
      clock,
      random: systemRandom,
      crypto: nodeCrypto,
      files,
      host,
      nix: new NixCommands({
        path,
        storeDirectory,
        cacheDirectory: join(config.stateDirectory, 'cache'),
        environment: nixEnvironment,
        clock: systemClock,
        ...(this.#nixStalledMs === undefined ? {} : { stalledMs: this.#nixStalledMs }),
      }),
      transport: (identity, pins) =>
        between(new HttpsTransport({ urls: config.controlPlanes, identity, pins, clock: systemClock })),
      log: jsonLog(systemClock, (line) => {
        this.#lines.push(line);
        this.#lines.splice(0, Math.max(0, this.#lines.length - linesMax));
      }),
    });
    this.#agent = agent;
    return agent;
  }

  /** Ends the agent, if it runs: killed only where it is a process of its own. */
  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    await this.#process?.end(signal);
    this.#process = null;
    const agent = this.#agent;
    this.#agent = null;
    await agent?.[Symbol.asyncDispose]();
  }

  get log(): string {
    return [...this.#lines, ...(this.#process?.lines ?? [])].slice(-60).join('\n');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop('SIGKILL');
    for (const pid of this.#leftovers()) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // Gone by itself meanwhile.
      }
    }
    this.route[Symbol.dispose]();
    execFileSync('chmod', ['-R', 'u+w', this.directory]);
    rmSync(this.directory, { recursive: true, force: true, maxRetries: 3 });
  }

  /** What outlives the agent on purpose: dead man's switches, activations and the stand-in's service, each of this host alone. */
  #leftovers(): number[] {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name) && name !== String(process.pid))
      .filter((pid) => readIfThere(`/proc/${pid}/cmdline`)?.includes(`${this.directory}/`) ?? false)
      .map(Number);
  }
}

function readLink(path: string): string | null {
  try {
    return readlinkSync(path);
  } catch {
    return null;
  }
}

function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}
