import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { clientIdentity, HttpsTransport, systemClock, type Transport } from '@nixfleet/agent';
import {
  EventsView,
  type EventView,
  FleetView,
  HostView,
  protocolHeader,
  RolloutView,
  WhyView,
} from '@nixfleet/contracts';
import { nodeCrypto, privateKeyToPem } from '@nixfleet/contracts/node-crypto';
import { systemRandom } from '@nixfleet/contracts/node-random';
import { type TestFleet, testKey } from '@nixfleet/testkit';
import type { z } from 'zod';
import { NodeProcess } from './child-process.ts';
import { until } from './until.ts';

const main = join(import.meta.dirname, 'control-plane-main.ts');
const viewTimeoutMs = 5000;
const viewBytesMax = 8 * 1024 * 1024;

/** The control plane as a process, on a port of its choice, over the directory `releases/`; and an operator who reads its views. */
export class LoopControlPlane implements AsyncDisposable {
  readonly stateDirectory: string;
  readonly #configPath: string;
  readonly #transport: Transport;
  #process: NodeProcess | null = null;
  #port: number | null = null;

  private constructor(paths: { state: string; config: string }, transport: (url: () => string) => Transport) {
    this.stateDirectory = paths.state;
    this.#configPath = paths.config;
    this.#transport = transport(() => `https://127.0.0.1:${this.#port ?? 1}`);
  }

  static async create(
    directory: string,
    { fleet, releases, settings = {} }: { fleet: TestFleet; releases: string; settings?: object },
  ): Promise<LoopControlPlane> {
    const [tlsKey, olivia] = [await testKey('control-plane'), await testKey('operator:olivia')];
    mkdirSync(directory, { recursive: true });
    const paths = { state: join(directory, 'state'), config: join(directory, 'settings.json') };
    writeFileSync(join(directory, 'tls.pem'), privateKeyToPem(tlsKey.privateKey), { mode: 0o600 });
    writeFileSync(join(directory, 'trust.json'), fleet.trustChain[0]?.bytes ?? '');
    const config = {
      trust: join(directory, 'trust.json'),
      tlsKey: join(directory, 'tls.pem'),
      listen: { host: '127.0.0.1', port: 0 },
      release: { kind: 'directory', path: releases },
      stateDirectory: paths.state,
      pollSeconds: 5,
      rebuildSecondsMax: 30,
      ...settings,
    };
    writeFileSync(paths.config, JSON.stringify(config));
    const { identity } = await clientIdentity(olivia.privateKey, {
      commonName: 'olivia',
      crypto: nodeCrypto,
      random: systemRandom,
    });
    return new LoopControlPlane(paths, (url) => ({
      // The port changes with every start, so each reading connects anew.
      async request(request) {
        const pins = (): ReadonlySet<string> => new Set([tlsKey.keyId]);
        const transport = new HttpsTransport({ urls: [url()], identity, pins, clock: systemClock });
        try {
          return await transport.request(request);
        } finally {
          transport.close();
        }
      },
      close: () => {},
    }));
  }

  get port(): number | null {
    return this.#port;
  }

  get log(): string {
    return this.#process?.lines.slice(-30).join('\n') ?? '';
  }

  async start(): Promise<void> {
    const started = new NodeProcess(main, [this.#configPath]);
    this.#process = started;
    const port = await started.firstLine();
    if (port === null) throw new Error(`the control plane did not start:\n${started.lines.join('\n')}`);
    this.#port = Number(port);
  }

  async stop(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    this.#port = null;
    await this.#process?.end(signal);
    this.#process = null;
  }

  /** Everything it ever stored is gone. Only while it is stopped. */
  wipe(): void {
    rmSync(this.stateDirectory, { recursive: true, force: true });
  }

  /** Tells it to look for a release now; it does so at most once in five seconds. */
  async refresh(): Promise<void> {
    await this.#transport.request({
      method: 'POST',
      path: '/v1/refresh',
      headers: { [protocolHeader]: '1' },
      timeoutMs: viewTimeoutMs,
      replyBytesMax: viewBytesMax,
    });
  }

  fleet(): Promise<FleetView> {
    return this.#view(FleetView, '/v1/fleet');
  }

  host(name: string): Promise<HostView> {
    return this.#view(HostView, `/v1/hosts/${name}`);
  }

  why(name: string): Promise<WhyView> {
    return this.#view(WhyView, `/v1/why/${name}`);
  }

  rollout(id: string): Promise<RolloutView> {
    return this.#view(RolloutView, `/v1/rollouts/${id}`);
  }

  /** Everything hosts told it, in the order in which it came. */
  async events(): Promise<EventView[]> {
    const all: EventView[] = [];
    for (let after: number | null = 0; after !== null; ) {
      const page: EventsView = await this.#view(EventsView, `/v1/events?after=${after}&limit=500`);
      all.push(...page.events);
      after = page.next;
    }
    return all;
  }

  /** Waits until the fleet as it shows it passes, and returns that view. */
  until(
    what: string,
    isTrue: (view: FleetView) => boolean,
    options: { seconds?: number; explain?: () => string } = {},
  ): Promise<FleetView> {
    const look = async (): Promise<FleetView | null> => {
      const view = await this.fleet();
      return isTrue(view) ? view : null;
    };
    const explain = async (): Promise<string> => {
      const view = await this.fleet().catch(() => null);
      const hosts = view?.hosts.map(({ name, health, phase, withheld }) => {
        return `${name}: ${health} ${phase?.name} ${JSON.stringify(withheld)}`;
      });
      const rollouts = view?.rollouts.map(({ channel, state, wave, withheld }) => {
        return `${channel}: ${state} wave ${wave} ${JSON.stringify(withheld)}`;
      });
      return [view?.problems, hosts, rollouts, this.log, options.explain?.()].flat().join('\n');
    };
    return until(what, look, { ...options, explain });
  }

  /** Its settings, as the process reads them. */
  get settings(): Record<string, unknown> {
    return JSON.parse(readFileSync(this.#configPath, 'utf8')) as Record<string, unknown>;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop('SIGKILL');
  }

  async #view<View>(schema: z.ZodType<View>, path: string): Promise<View> {
    const result = await this.#transport.request({
      method: 'GET',
      path,
      headers: { [protocolHeader]: '1' },
      timeoutMs: viewTimeoutMs,
      replyBytesMax: viewBytesMax,
    });
    if (!result.ok) throw new Error(`${path}: ${result.reason}: ${result.detail}`);
    const text = new TextDecoder().decode(result.reply.body);
    if (result.reply.status !== 200) throw new Error(`${path}: ${result.reply.status}: ${text}`);
    return schema.parse(JSON.parse(text));
  }
}
