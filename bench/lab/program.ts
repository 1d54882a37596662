import { type ChildProcess, fork } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import { bundleOptions } from '../../scripts/bundle-options.ts';

const root = join(import.meta.dirname, '..', '..');
/** Bundles and generated journals; may be deleted at any time. */
export const cacheDirectory = join(root, '.cache', 'bench');
export type Commands = Record<string, (argument: never) => unknown>;

/** What one process used: CPU since its start in milliseconds, resident memory now in bytes. */
export interface Usage {
  readonly cpuMs: number;
  readonly rssBytes: number;
  readonly heapBytes: number;
}

/** A program of `bench/` in a process of its own. */
export class Program implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>();
  #calls = 0;

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.on('message', ({ call, value, error }: { call: number; value: never; error?: string }) => {
      const waiting = this.#waiting.get(call);
      this.#waiting.delete(call);
      if (error === undefined) waiting?.resolve(value);
      else waiting?.reject(new Error(error));
    });
    child.on('exit', (code, signal) => {
      for (const { reject } of this.#waiting.values()) reject(new Error(`ended with ${code ?? signal}`));
    });
  }

  /**
   * Bundles `bench/lab/<name>.ts` as the shipped program is, and starts it: from source, Node's own reading of TypeScript
   * would be measured too.
   */
  static async start(name: string, nodeArguments: readonly string[] = []): Promise<Program> {
    await mkdir(cacheDirectory, { recursive: true });
    const outfile = join(cacheDirectory, `${name}.mjs`);
    await build({
      absWorkingDir: root,
      entryPoints: [join(import.meta.dirname, `${name}.ts`)],
      outfile,
      ...bundleOptions,
    });
    const execArgv = ['--expose-gc', '--disable-warning=ExperimentalWarning', ...nodeArguments];
    return new Program(fork(outfile, { execArgv, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] }));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  call<Result>(command: string, argument: unknown = null): Promise<Result> {
    const call = ++this.#calls;
    return new Promise((resolve, reject) => {
      this.#waiting.set(call, { resolve, reject });
      this.#child.send({ call, command, argument });
    });
  }

  /** After a garbage collection where `isCollected`, so that what is counted is what is needed. */
  usage({ isCollected = false } = {}): Promise<Usage> {
    return this.call('usage', { isCollected });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    await this.call('end').catch(() => {});
    this.#child.disconnect();
    const limit = setTimeout(() => this.#child.kill('SIGKILL'), 10_000);
    await ended;
    clearTimeout(limit);
  }
}
