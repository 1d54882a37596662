import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { privateKeyToPem } from '@nixfleet/contracts/node-crypto';
import { type TestFleet, testKey } from '@nixfleet/testkit';
import { NodeProcess } from './child-process.ts';
import { OperatorViews } from './operator-views.ts';

const main = join(import.meta.dirname, 'control-plane-main.ts');

/** The control plane as a process, on a port of its choice, over the directory `releases/`; and an operator who reads its views. */
export class LoopControlPlane extends OperatorViews implements AsyncDisposable {
  readonly stateDirectory: string;
  readonly #configPath: string;
  #process: NodeProcess | null = null;
  #port: number | null = null;

  private constructor(paths: { state: string; config: string }) {
    super();
    this.stateDirectory = paths.state;
    this.#configPath = paths.config;
  }

  protected url(): string {
    return `https://127.0.0.1:${this.#port ?? 1}`;
  }

  static async create(
    directory: string,
    { fleet, releases, settings = {} }: { fleet: TestFleet; releases: string; settings?: object },
  ): Promise<LoopControlPlane> {
    const tlsKey = await testKey('control-plane');
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
    return new LoopControlPlane(paths);
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

  /** Its settings, as the process reads them. */
  get settings(): Record<string, unknown> {
    return JSON.parse(readFileSync(this.#configPath, 'utf8')) as Record<string, unknown>;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop('SIGKILL');
  }
}
