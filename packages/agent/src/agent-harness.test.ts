// What the tests of the whole agent share: a control plane over real TLS, and hosts with real stores and processes.
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import {
  CheckinRequest,
  canonicalBytes,
  type Go,
  JournalEvent,
  type JournalPosition,
  type Json,
  type SignedEvent,
  sha256Hex,
} from '@nixfleet/contracts';
import { nodeCrypto, privateKeyToPem } from '@nixfleet/contracts/node-crypto';
import { systemRandom } from '@nixfleet/contracts/node-random';
import { createTestFleet, NixCache, type RealClosure, type TestFleet, testKey } from '@nixfleet/testkit';
import { parseAgentConfig } from './config.ts';
import { clientIdentity } from './host-key.ts';
import { systemClock } from './system-clock.ts';

export const cache = new NixCache();
export const cleanups: (() => void)[] = [() => cache[Symbol.dispose]()];
after(() => {
  for (const cleanup of cleanups.reverse()) cleanup();
});

export const healthChecks = {
  marker: {
    kind: 'exec',
    command: ['/bin/sh', '-c', 'test ! -e "$NIXFLEET_SYSTEM_ROOT/sick"'],
    intervalSeconds: 1,
    timeoutSeconds: 5,
    failureThreshold: 2,
  },
};
export const system = (version: string, more: object = {}): Promise<RealClosure> =>
  cache.release({ name: 'canary', version, service: false, healthChecks, ...more });

/** The agent's half of a control plane, honest or not, over real TLS with the pinned key. */
export class TestControlPlane {
  readonly server: Server;
  readonly events: JournalEvent[] = [];
  readonly fleet: TestFleet;
  go: Go | null = null;
  isReachable = true;
  /** The network is cut by the first delivery that tells of the switch, before any of it is stored. */
  isCutBySwitch = false;
  connections = 0;
  #stored: JournalPosition | null = null;
  #wake: (() => void)[] = [];

  private constructor(fleet: TestFleet, server: Server) {
    this.fleet = fleet;
    this.server = server;
  }

  static async start(fleet: TestFleet): Promise<TestControlPlane> {
    const key = await testKey('control-plane');
    const { identity } = await clientIdentity(key.privateKey, {
      commonName: 'control-plane',
      crypto: nodeCrypto,
      random: systemRandom,
    });
    const server = createServer({
      key: identity.keyPem,
      cert: identity.certificatePem,
      requestCert: true,
      rejectUnauthorized: false,
    });
    const plane = new TestControlPlane(fleet, server);
    server.on('secureConnection', () => plane.connections++);
    server.on('connection', (socket) => {
      if (!plane.isReachable) socket.destroy();
    });
    server.on('request', (request, response) => void plane.#handle(request, response));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    cleanups.push(() => plane.stop());
    return plane;
  }

  get url(): string {
    return `https://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  kinds(from = 0): string[] {
    return this.events.slice(from).map(({ kind }) => kind);
  }

  /** Lets the host go on its newest target. */
  async grant(host: string, receipts: SignedEvent[] = []): Promise<void> {
    const { rolloutId, wave, attempt } = await this.fleet.target(host);
    this.go = { rolloutId, wave, attempt, receipts };
    this.changed();
  }

  changed(): void {
    const wake = this.#wake;
    this.#wake = [];
    for (const resolve of wake) resolve();
  }

  cut(): void {
    this.isReachable = false;
    this.server.closeAllConnections();
  }

  mend(): void {
    this.isReachable = true;
  }

  stop(): void {
    this.changed();
    this.server.closeAllConnections();
    this.server.close();
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const reply = (status: number, body: unknown): void => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(body instanceof Uint8Array ? body : JSON.stringify(body));
    };
    const url = request.url ?? '';
    if (url.startsWith('/v1/signed/')) {
      const bytes = this.fleet.files.get(url.slice('/v1/signed/'.length));
      return bytes ? reply(200, bytes) : reply(404, { error: 'not-found', message: 'no such document' });
    }
    const body: unknown = JSON.parse(Buffer.concat(chunks).toString());
    const tellsOfSwitch = /\\"kind\\":\\"(?:activating|confirming|probes-passed)/.test(JSON.stringify(body));
    if (url === '/v1/agent/events' && this.isCutBySwitch && tellsOfSwitch) return this.cut();
    if (url === '/v1/agent/events') return reply(200, { stored: await this.#store(body as { events: SignedEvent[] }) });
    const { seen } = CheckinRequest.parse(body);
    for (let waited = 0; waited < 2; waited++) {
      const head = await this.#head();
      const goId = this.go ? await sha256Hex(nodeCrypto, canonicalBytes(this.go as unknown as Json)) : null;
      const isHeld = request.headers.prefer !== undefined && seen.head === head && seen.go === goId;
      if (!isHeld || waited > 0) {
        const isNewGo = goId !== null && goId !== seen.go;
        return reply(200, { head, trustVersion: 1, goId, ...(isNewGo ? { go: this.go } : {}) });
      }
      const over = new AbortController();
      await Promise.race([
        new Promise<void>((resolve) => this.#wake.push(resolve)),
        systemClock.sleep(2000, over.signal).catch(() => {}),
      ]);
      over.abort();
    }
  }

  async #head(): Promise<string | null> {
    const bytes = this.fleet.files.get('head.json');
    return bytes ? sha256Hex(nodeCrypto, bytes) : null;
  }

  async #store({ events }: { events: SignedEvent[] }): Promise<JournalPosition> {
    for (const signed of events) {
      const event = JournalEvent.parse(JSON.parse(signed.event));
      const isKnown = this.#stored?.journal === event.journal && event.seq <= this.#stored.seq;
      if (isKnown) continue;
      this.events.push(event);
      const sha256 = await sha256Hex(nodeCrypto, new TextEncoder().encode(signed.event));
      this.#stored = { journal: event.journal, seq: event.seq, sha256 };
    }
    assert.ok(this.#stored);
    return this.#stored;
  }
}

/** One host: its directories, its settings, and its agent as a process of its own. */
export class TestHost {
  readonly directory = mkdtempSync(join(tmpdir(), 'nixfleet-host-'));
  readonly configPath = join(this.directory, 'agent.json');
  readonly lines: string[] = [];
  agent: ChildProcess | null = null;

  static async create(plane: TestControlPlane, change: (config: Record<string, unknown>) => void = () => {}) {
    const host = new TestHost();
    const key = await testKey('host:canary');
    writeFileSync(join(host.directory, 'key'), privateKeyToPem(key.privateKey));
    writeFileSync(join(host.directory, 'trust.json'), plane.fleet.trustChain[0]?.bytes ?? '');
    mkdirSync(join(host.directory, 'root'));
    const config: Record<string, unknown> = {
      fleet: plane.fleet.name,
      host: 'canary',
      stateDirectory: join(host.directory, 'state'),
      key: join(host.directory, 'key'),
      trust: join(host.directory, 'trust.json'),
      controlPlanes: [plane.url],
      substituters: [cache.substituter],
      path: process.env.PATH,
      backend: {
        kind: 'profile',
        storeDirectory: join(host.directory, 'store'),
        systemRoot: join(host.directory, 'root'),
        environment: { NIXFLEET_NODE: process.execPath },
      },
    };
    change(config);
    parseAgentConfig(config);
    writeFileSync(host.configPath, JSON.stringify(config));
    cleanups.push(() => host.remove());
    return host;
  }

  get running(): string | null {
    try {
      return readlinkSync(join(this.directory, 'root/run/current-system'));
    } catch {
      return null;
    }
  }

  get bootDefault(): string | null {
    const profiles = join(this.directory, 'store/nix/var/nix/profiles');
    try {
      return readlinkSync(join(profiles, readlinkSync(join(profiles, 'system'))));
    } catch {
      return null;
    }
  }

  start(): void {
    const program = `
      import { readFileSync } from 'node:fs';
      import { jsonLog, parseAgentConfig, startMachineAgent, systemClock } from ${JSON.stringify(`${import.meta.dirname}/index.ts`)};
      const agent = await startMachineAgent(parseAgentConfig(JSON.parse(readFileSync(process.argv[1], 'utf8'))), {
        detachedProgram: ${JSON.stringify(`${import.meta.dirname}/dead-man-main.ts`)},
        agentVersion: '0.1.0',
        log: jsonLog(systemClock, (line) => process.stderr.write(line)),
      });
      process.on('SIGTERM', () => agent[Symbol.asyncDispose]());
      await agent.stopped;
    `;
    const agent = spawn(process.execPath, ['--input-type=module', '-e', program, this.configPath], {
      stdio: ['ignore', 'inherit', 'pipe'],
    });
    agent.stderr?.on('data', (chunk: Buffer) => this.lines.push(...chunk.toString().split('\n')));
    this.agent = agent;
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const { agent } = this;
    this.agent = null;
    if (!agent || agent.exitCode !== null) return;
    agent.kill(signal);
    await once(agent, 'exit');
  }

  remove(): void {
    this.agent?.kill('SIGKILL');
    execFileSync('chmod', ['-R', 'u+w', this.directory]);
    rmSync(this.directory, { recursive: true, force: true });
  }
}

export async function until(what: string, isTrue: () => boolean, host: TestHost, seconds = 90): Promise<void> {
  const deadline = systemClock.monotonicMs() + seconds * 1000;
  while (!isTrue()) {
    if (systemClock.monotonicMs() > deadline)
      assert.fail(`not within ${seconds} s: ${what}\n${host.lines.slice(-60).join('\n')}`);
    await systemClock.sleep(50);
  }
}

export async function newFleet(): Promise<{ fleet: TestFleet; plane: TestControlPlane }> {
  const fleet = await createTestFleet({
    now: new Date(systemClock.now() - 60_000).toISOString().replace(/\.\d+Z/, 'Z'),
    trust: (draft) => {
      draft.cacheKeys = [cache.publicKey];
    },
  });
  return { fleet, plane: await TestControlPlane.start(fleet) };
}

export async function publish(
  fleet: TestFleet,
  real: RealClosure,
  change: (policy: { timeoutSeconds: number }) => void = () => {},
) {
  fleet.now = new Date(systemClock.now() - 5000).toISOString().replace(/\.\d+Z/, 'Z') as TestFleet['now'];
  await fleet.publish((next) => {
    const canary = next.hosts.canary;
    const stable = next.channels.stable;
    assert.ok(canary && stable);
    canary.real = { ...real };
    for (const wave of stable.waves) wave.soakSeconds = 0;
    stable.policy.confirm.timeoutSeconds = 20;
    stable.policy.activationTimeoutSeconds = 8;
    stable.policy.unconfirmedRetrySeconds = 2;
    change(stable.policy.confirm);
  });
}

export async function converged(host: TestHost, plane: TestControlPlane, real: RealClosure): Promise<void> {
  await publish(plane.fleet, real);
  await plane.grant('canary');
  const isThere = (event: JournalEvent): boolean =>
    event.kind === 'converged' && event.body.target.closure === real.closure;
  await until(`converged on ${real.closure}`, () => plane.events.some(isThere), host);
  assert.equal(host.running, real.closure);
  assert.equal(host.bootDefault, real.closure);
}
