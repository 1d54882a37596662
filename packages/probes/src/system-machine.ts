import { execFile } from 'node:child_process';
import {
  accessSync,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  realpathSync,
  type Stats,
  statfsSync,
  statSync,
} from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Clock } from '@nixfleet/contracts';
import { messageOf, ProbeError } from './errors.ts';
import type { CommandBounds, CommandOutcome, FileStatus, Machine } from './machine.ts';

/** A probe's own time, in milliseconds; its descriptor's bound, by default 30 s, ends it from outside a little later. */
export const probeMsMax = 28_000;
const commandMsMax = 10_000;
const commandBytesMax = 1024 * 1024;
const fileBytesMax = 1024 * 1024;
const hangStepMs = 60_000;
const chunkBytes = 64 * 1024;
/** Most names of one directory. */
const namesMax = 100_000;
const stderrCharactersMax = 200;
/** Where programs are when the PATH does not have them: NixOS, then others. */
const programDirectories = ['/run/current-system/sw/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

export interface SystemMachineOptions {
  readonly clock: Clock;
  /** `/`, or a directory that holds a system's files. */
  readonly root: string;
  readonly path: string;
}

/** The machine that this process runs on, or the files of one below a directory. */
export class SystemMachine implements Machine {
  readonly isRunning: boolean;
  readonly nowMs: number;
  readonly #clock: Clock;
  readonly #root: string;
  readonly #path: string;
  readonly #deadlineMs: number;

  constructor({ clock, root, path }: SystemMachineOptions) {
    this.#clock = clock;
    this.#root = root;
    this.#path = path;
    this.isRunning = root === '/';
    this.nowMs = clock.now();
    this.#deadlineMs = clock.monotonicMs() + probeMsMax;
  }

  checkTime(): void {
    if (this.#leftMs() <= 0) throw new ProbeError('no-time', `expected to be done within ${probeMsMax} ms`);
  }

  read(path: string, bytesMax = fileBytesMax): string | null {
    const bytes = this.readBytes(path, bytesMax);
    return bytes && new TextDecoder().decode(bytes);
  }

  readBytes(path: string, bytesMax = fileBytesMax): Uint8Array | null {
    const bytes = this.readHead(path, bytesMax + 1);
    if (bytes !== null && bytes.length > bytesMax)
      throw new ProbeError('oversized', `${path}: expected at most ${bytesMax} bytes`);
    return bytes;
  }

  readHead(path: string, bytes: number): Uint8Array | null {
    this.checkTime();
    let file: number;
    try {
      // O_NONBLOCK: opening a FIFO somebody put there must not wait for a writer.
      file = openSync(this.#at(path), constants.O_RDONLY | constants.O_NONBLOCK);
    } catch (error) {
      if (isAbsent(error)) return null;
      throw unreadable(path, error);
    }
    try {
      if (!fstatSync(file).isFile()) throw new ProbeError('unreadable', `${path}: expected a regular file`);
      // Files of /proc and /sys say that they have no bytes: read until nothing comes.
      const chunks: Uint8Array[] = [];
      let length = 0;
      for (let more = -1; more !== 0 && length < bytes; length += more) {
        const chunk = new Uint8Array(Math.min(chunkBytes, bytes - length));
        more = readSync(file, chunk, 0, chunk.length, null);
        chunks.push(chunk.subarray(0, more));
      }
      return new Uint8Array(Buffer.concat(chunks));
    } catch (error) {
      throw error instanceof ProbeError ? error : unreadable(path, error);
    } finally {
      closeSync(file);
    }
  }

  list(path: string): readonly string[] | null {
    this.checkTime();
    try {
      const names = readdirSync(this.#at(path));
      if (names.length > namesMax) throw new ProbeError('oversized', `${path}: expected at most ${namesMax} names`);
      return names.sort();
    } catch (error) {
      if (isAbsent(error)) return null;
      throw error instanceof ProbeError ? error : unreadable(path, error);
    }
  }

  status(path: string, { follow = false }: { readonly follow?: boolean } = {}): FileStatus | null {
    try {
      const stats = follow ? statSync(this.#at(path)) : lstatSync(this.#at(path));
      return {
        kind: kindOf(stats),
        mode: stats.mode & 0o7777,
        uid: stats.uid,
        gid: stats.gid,
        bytes: stats.size,
        modifiedMs: Math.floor(stats.mtimeMs),
        device: stats.dev,
      };
    } catch (error) {
      if (isAbsent(error)) return null;
      throw unreadable(path, error);
    }
  }

  readLink(path: string): string | null {
    try {
      return readlinkSync(this.#at(path));
    } catch (error) {
      // EINVAL: it is there and no link.
      if (isAbsent(error) || codeOf(error) === 'EINVAL') return null;
      throw unreadable(path, error);
    }
  }

  realPath(path: string): string | null {
    try {
      const found = realpathSync(this.#at(path));
      return !this.isRunning && found.startsWith(`${this.#root}/`) ? found.slice(this.#root.length) : found;
    } catch (error) {
      if (isAbsent(error)) return null;
      throw unreadable(path, error);
    }
  }

  space(path: string): { readonly freeBytes: number; readonly totalBytes: number } {
    try {
      const { bavail, blocks, bsize } = statfsSync(this.#at(path));
      return { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
    } catch (error) {
      throw unreadable(path, error);
    }
  }

  async hang(): Promise<never> {
    // Kept alive past every bound of the descriptor; whoever started it has to end it.
    for (;;) await this.#clock.sleep(hangStepMs);
  }

  has(program: string): boolean {
    return this.#find(program) !== null;
  }

  run(argv: readonly [string, ...string[]], bounds: CommandBounds = {}): Promise<CommandOutcome> {
    const [program, ...args] = argv;
    if (!this.isRunning)
      return Promise.reject(new ProbeError('needs-machine', `${program}: with --root there are files only`));
    const found = this.#find(program);
    if (found === null)
      return Promise.reject(new ProbeError('command-missing', `${program}: not on the PATH; install it`));
    this.checkTime();
    const timeoutMs = Math.min(bounds.timeoutMs ?? commandMsMax, this.#leftMs());
    const { bytesMax = commandBytesMax, exitCodes = [0], input = '' } = bounds;
    return new Promise((resolve, reject) => {
      const child = execFile(
        found,
        args,
        // The environment of the unit is not the program's business, its language least of all.
        { env: { PATH: this.#path, LC_ALL: 'C' }, timeout: timeoutMs, maxBuffer: bytesMax, killSignal: 'SIGKILL' },
        (error, stdout, stderr) => {
          const exitCode = error === null ? 0 : error.code;
          if (typeof exitCode === 'number' && exitCodes.includes(exitCode)) resolve({ exitCode, stdout, stderr });
          else reject(failure(argv, exitCode, stderr, timeoutMs));
        },
      );
      // A program that ended without reading is no failure of ours.
      child.stdin?.on('error', () => {});
      child.stdin?.end(input);
    });
  }

  #at(path: string): string {
    return this.isRunning ? path : join(this.#root, path);
  }

  #leftMs(): number {
    return Math.ceil(this.#deadlineMs - this.#clock.monotonicMs());
  }

  #find(program: string): string | null {
    if (!this.isRunning) return null;
    const candidates = program.includes('/')
      ? [program]
      : [...this.#path.split(delimiter), ...programDirectories].filter(Boolean).map((at) => join(at, program));
    return candidates.find((candidate) => isProgram(candidate)) ?? null;
  }
}

function failure(argv: readonly string[], exitCode: unknown, stderr: string, timeoutMs: number): ProbeError {
  const said = stderr.trim().slice(0, stderrCharactersMax);
  if (exitCode === 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER')
    return new ProbeError('oversized', `${argv[0]}: printed more than it may`);
  const how = typeof exitCode === 'number' ? `exit code ${exitCode}` : `killed, at the latest after ${timeoutMs} ms`;
  return new ProbeError('command-failed', `${argv.slice(0, 3).join(' ')}: ${how}: ${said}`);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function kindOf(stats: Stats): FileStatus['kind'] {
  if (stats.isFile()) return 'file';
  if (stats.isDirectory()) return 'directory';
  if (stats.isSymbolicLink()) return 'link';
  if (stats.isSocket()) return 'socket';
  return stats.isFIFO() ? 'fifo' : 'device';
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}

function isAbsent(error: unknown): boolean {
  return codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR';
}

function unreadable(path: string, error: unknown): ProbeError {
  return new ProbeError(
    'unreadable',
    messageOf(error).includes(path) ? messageOf(error) : `${path}: ${messageOf(error)}`,
    {
      cause: error,
    },
  );
}
