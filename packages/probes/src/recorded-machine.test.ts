import { ProbeError } from './errors.ts';
import type { CommandBounds, CommandOutcome, FileStatus, Machine } from './machine.ts';
import type { Probe, Violation } from './probe.ts';
import { runProbe } from './run-probe.ts';

/** A file of a recorded machine: its text, or more of it. */
export type RecordedFile =
  | string
  | {
      readonly text?: string;
      readonly bytes?: Uint8Array;
      readonly mode?: number;
      readonly uid?: number;
      readonly gid?: number;
      readonly modifiedMs?: number;
      readonly link?: string;
      readonly kind?: FileStatus['kind'];
    };

export interface Recording {
  readonly files?: Readonly<Record<string, RecordedFile>>;
  /** By command line, arguments divided by spaces: what it prints, or how it ends. */
  readonly commands?: Readonly<Record<string, string | Partial<CommandOutcome>>>;
  readonly nowMs?: number;
  readonly freeBytes?: number;
  readonly totalBytes?: number;
}

/** 2026-06-01T00:00:00Z */
export const recordedAtMs = Date.UTC(2026, 5, 1);

/** A machine as it was written down: its files, and what its commands printed. */
export class RecordedMachine implements Machine {
  readonly isRunning = true;
  readonly nowMs: number;
  readonly #files: ReadonlyMap<string, RecordedFile>;
  readonly #commands: ReadonlyMap<string, string | Partial<CommandOutcome>>;
  readonly #recording: Recording;

  constructor(recording: Recording) {
    this.#recording = recording;
    this.nowMs = recording.nowMs ?? recordedAtMs;
    this.#files = new Map(Object.entries(recording.files ?? {}));
    this.#commands = new Map(Object.entries(recording.commands ?? {}));
  }

  checkTime(): void {}

  read(path: string): string | null {
    const bytes = this.readBytes(path);
    return bytes && new TextDecoder().decode(bytes);
  }

  readBytes(path: string): Uint8Array | null {
    const file = this.#files.get(this.realPath(path) ?? path);
    if (file === undefined) {
      if (this.list(path)) throw new ProbeError('unreadable', `${path}: a directory`);
      return null;
    }
    if (typeof file === 'string') return new TextEncoder().encode(file);
    if (file.kind !== undefined && file.kind !== 'file') throw new ProbeError('unreadable', `${path}: ${file.kind}`);
    return file.bytes ?? new TextEncoder().encode(file.text ?? '');
  }

  readHead(path: string, bytes: number): Uint8Array | null {
    return this.readBytes(path)?.slice(0, bytes) ?? null;
  }

  list(path: string): readonly string[] | null {
    return this.#namesIn(this.realPath(path) ?? path);
  }

  #namesIn(at: string): readonly string[] | null {
    const prefix = at === '/' ? '/' : `${at}/`;
    const names = [...this.#files.keys()]
      .filter((file) => file.startsWith(prefix) && file !== prefix)
      .map((file) => file.slice(prefix.length).split('/')[0] ?? '');
    const file = this.#files.get(at);
    const isDirectory = typeof file === 'object' && file.kind === 'directory';
    return names.length > 0 || isDirectory ? [...new Set(names)].sort() : null;
  }

  status(path: string, { follow = false }: { readonly follow?: boolean } = {}): FileStatus | null {
    const at = follow ? (this.realPath(path) ?? path) : path;
    const file = this.#files.get(at);
    if (file === undefined && this.#namesIn(at) === null) return null;
    const {
      text = '',
      mode,
      uid = 0,
      gid = 0,
      modifiedMs = 0,
      link,
      kind,
    } = typeof file === 'object' ? file : { text: file };
    const found = kind ?? (link !== undefined ? 'link' : file === undefined ? 'directory' : 'file');
    const bytes = text?.length ?? 0;
    return {
      kind: found,
      mode: mode ?? (found === 'directory' ? 0o755 : 0o644),
      uid,
      gid,
      bytes,
      modifiedMs,
      device: 1,
    };
  }

  readLink(path: string): string | null {
    const file = this.#files.get(path);
    return typeof file === 'object' ? (file.link ?? null) : null;
  }

  realPath(path: string): string | null {
    let at = '';
    for (const part of path.split('/').filter(Boolean)) {
      const link = this.readLink(`${at}/${part}`);
      if (link === null) at = `${at}/${part}`;
      else at = this.realPath(link.startsWith('/') ? link : `${at}/${link}`) ?? link;
    }
    const place = at || '/';
    return this.#files.has(place) || this.#namesIn(place) !== null ? place : null;
  }

  space(): { readonly freeBytes: number; readonly totalBytes: number } {
    return { freeBytes: this.#recording.freeBytes ?? 1e9, totalBytes: this.#recording.totalBytes ?? 1e10 };
  }

  hang(): Promise<never> {
    throw new Error('hangs');
  }

  has(program: string): boolean {
    return [...this.#commands.keys()].some((line) => line.split(' ')[0] === program);
  }

  run(argv: readonly [string, ...string[]], { exitCodes = [0] }: CommandBounds = {}): Promise<CommandOutcome> {
    const line = argv.join(' ');
    const said = this.#commands.get(line);
    if (said === undefined) {
      const code = this.has(argv[0]) ? 'command-failed' : 'command-missing';
      return Promise.reject(new ProbeError(code, `nobody recorded ${line}`));
    }
    const outcome = { exitCode: 0, stdout: '', stderr: '', ...(typeof said === 'string' ? { stdout: said } : said) };
    if (exitCodes.includes(outcome.exitCode)) return Promise.resolve(outcome);
    return Promise.reject(new ProbeError('command-failed', `${line}: ${outcome.exitCode}`));
  }
}

export interface Printed extends Readonly<Record<string, unknown>> {
  readonly compliant: boolean;
  readonly violations: readonly Violation[];
  readonly violationCount: number;
  readonly notApplicable?: string;
}

/** What a probe prints of a recorded machine; throws where it would end in error. */
export async function printed(probe: Probe, recording: Recording, ...argv: readonly string[]): Promise<Printed> {
  const end = await runProbe(probe, new RecordedMachine(recording), argv);
  if (!end.ok) throw new Error(`${end.code}: ${end.message}`);
  return JSON.parse(end.text) as Printed;
}

/** How a probe ends of a recorded machine: `compliant`, the kinds of its violations, `notApplicable`, or its error's code. */
export async function verdict(probe: Probe, recording: Recording, ...argv: readonly string[]): Promise<string> {
  const end = await runProbe(probe, new RecordedMachine(recording), argv);
  if (!end.ok) return `error ${end.code}`;
  const output = JSON.parse(end.text) as Printed;
  if (output.notApplicable !== undefined) return `not-applicable ${output.notApplicable}`;
  return output.compliant ? 'compliant' : [...new Set(output.violations.map(({ what }) => what))].join(' ');
}
