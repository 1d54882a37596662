import { closurePathsMax } from '@nixfleet/contracts';

/** How much of what is missing has been unpacked, in bytes. */
export interface FetchProgress {
  readonly doneBytes: number;
  readonly totalBytes: number;
}

/** What a cache may send. It is the cache that says how large a path is, in words that its key signs. */
export interface FetchBounds {
  /** Of everything that is unpacked, in bytes; null: as much as each path is said to have. */
  readonly unpackedBytesMax: number | null;
  /** Which downloads are bounded by `metadataBytesMax`: those that describe archives, or archives too. */
  readonly bounded: 'descriptions' | 'all';
}

/** Largest download that Nix keeps in its memory, in bytes. */
export const metadataBytesMax = 4 * 2 ** 20;
/** A description of a path, of what is in it, or of a cache. */
const description = /(?:\.narinfo|\.ls|\/nix-cache-info)$/;
/** What a path or a download that is over counts as, in bytes: small ones are told of in no other way. */
const smallBytes = 64 * 1024;
/** Longest name of a path or address that is said, in characters. */
const nameMax = 300;

/** Longest line that is waited for, in characters; what is longer is no progress, and is shown as it is. */
const lineMax = 256 * 1024;
/**
 * Of Nix's logger (`libutil/logging.hh`): the copy of one path and of all, how far an activity is, what all of a kind will
 * come to. A copy is told in steps of 64 KiB, the last of which is not, and small paths are not told of at all.
 */
const copyPath = 100;
const fileTransfer = 101;
const copyPaths = 103;
const progress = 105;
const expected = 106;
/** The least severe messages that people see by default. */
const levelInfo = 3;
const prefix = '@nix ';

interface Copying {
  readonly path: string;
  readonly done: number;
  readonly whole: number;
}

/**
 * Reads what Nix prints with `--log-format internal-json`: how far a fetch is, what people would have read, and whether a
 * cache sends more than it may, which Nix itself takes in until the disk or the memory is full.
 */
export class NixLog {
  readonly #onProgress: (progress: FetchProgress) => void;
  readonly #bounds: FetchBounds;
  readonly #onExcess: (detail: string) => void;
  readonly #decoder = new TextDecoder();
  #rest = '';
  /** Of the copies under way, by activity; and of those that are over. */
  readonly #copying = new Map<number, Copying>();
  #copiedBytes = 0;
  /** Addresses of the downloads under way that are bounded, by activity. */
  readonly #downloading = new Map<number, string>();
  #over = 0;
  /** The most that was unpacked of each path: one that is fetched again, from elsewhere, counts once. */
  readonly #unpacked = new Map<string, number>();
  #unpackedBytes = 0;
  /** The activity that counts the paths. */
  #counting: number | null = null;
  #isAllThere = false;
  #totalBytes = 0;

  /** `onExcess` may be called again and again until Nix is ended. */
  constructor(
    onProgress: (progress: FetchProgress) => void,
    {
      bounds = { unpackedBytesMax: null, bounded: 'descriptions' },
      onExcess = () => {},
    }: { readonly bounds?: FetchBounds; readonly onExcess?: (detail: string) => void } = {},
  ) {
    this.#onProgress = onProgress;
    this.#bounds = bounds;
    this.#onExcess = onExcess;
  }

  /** Grows while something is fetched, in bytes: by what is unpacked, and by a little for all that comes to its end. */
  get movedBytes(): number {
    return this.#unpackedBytes + this.#over * smallBytes;
  }

  /** Takes in a piece of the log, and returns what of it is for people. */
  take(chunk: Uint8Array): Uint8Array {
    const lines = `${this.#rest}${this.#decoder.decode(chunk, { stream: true })}`.split('\n');
    this.#rest = lines.pop() ?? '';
    if (this.#rest.length > lineMax) {
      lines.push(this.#rest);
      this.#rest = '';
    }
    return new TextEncoder().encode(lines.map((line) => this.#line(line)).join(''));
  }

  #line(line: string): string {
    const entry = line.startsWith(prefix) && line.length <= lineMax ? parse(line.slice(prefix.length)) : null;
    if (entry === null) return `${line}\n`;
    const { action, id, type, level, text, msg, fields } = entry;
    switch (action) {
      case 'msg':
        return level <= levelInfo ? `${msg}\n` : '';
      case 'start':
        if (type === copyPath) this.#copying.set(id, { path: entry.name, done: 0, whole: 0 });
        if (type === fileTransfer) this.#startDownload(id, entry.name);
        if (type === copyPaths) this.#counting = id;
        return level <= levelInfo && text !== '' ? `${text}\n` : '';
      case 'stop':
        this.#stop(id);
        return '';
      case 'result':
        this.#result(id, type, fields);
        return '';
      default:
        return '';
    }
  }

  #startDownload(id: number, address: string): void {
    if (this.#bounds.bounded === 'all' || description.test(address)) this.#downloading.set(id, address);
  }

  #stop(id: number): void {
    this.#copiedBytes += this.#copying.get(id)?.whole ?? 0;
    if (this.#copying.delete(id) || this.#downloading.delete(id)) this.#over += 1;
  }

  #result(id: number, type: number, [first = 0, second = 0]: readonly number[]): void {
    if (type === expected && first === copyPath) this.#totalBytes = second;
    else if (type === progress && this.#copying.has(id)) this.#copied(id, first, second);
    else if (type === progress && this.#downloading.has(id)) return this.#downloaded(id, first);
    else if (type === progress && id === this.#counting) this.#isAllThere = first > 0 && first === second;
    else return;
    if (this.#totalBytes === 0) return;
    const sum = [...this.#copying.values()].reduce((bytes, { done }) => bytes + done, this.#copiedBytes);
    const doneBytes = this.#isAllThere ? this.#totalBytes : Math.min(sum, this.#totalBytes);
    this.#onProgress({ doneBytes, totalBytes: this.#totalBytes });
  }

  #copied(id: number, done: number, whole: number): void {
    const path = this.#copying.get(id)?.path ?? '';
    this.#copying.set(id, { path, done, whole });
    const before = this.#unpacked.get(path) ?? 0;
    if (done > before) {
      this.#unpacked.set(path, done);
      this.#unpackedBytes += done - before;
    }
    const { unpackedBytesMax } = this.#bounds;
    if (done > whole) this.#onExcess(`${path}: expected the ${whole} bytes that the cache says it has, got more`);
    else if (unpackedBytesMax !== null && this.#unpackedBytes > unpackedBytesMax) {
      this.#onExcess(`${path}: with it more than the ${unpackedBytesMax} bytes that were signed for the whole closure`);
    } else if (this.#unpacked.size > closurePathsMax) this.#onExcess(`more than ${closurePathsMax} paths`);
  }

  #downloaded(id: number, bytes: number): void {
    if (bytes <= metadataBytesMax) return;
    this.#onExcess(`${this.#downloading.get(id)}: expected at most ${metadataBytesMax} bytes, got more`);
  }
}

interface Entry {
  readonly action: string;
  readonly id: number;
  readonly type: number;
  readonly level: number;
  readonly text: string;
  readonly msg: string;
  /** The first field, where it is text: the path or the address. */
  readonly name: string;
  readonly fields: readonly number[];
}

/** What is not there or of another kind counts as nothing: a newer Nix may say more. */
function parse(json: string): Entry | null {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null) return null;
  const of = value as Readonly<Record<string, unknown>>;
  const number = (name: string): number => bytesOf(of[name]);
  const text = (name: string): string => (typeof of[name] === 'string' ? of[name] : '');
  const values: readonly unknown[] = Array.isArray(of.fields) ? of.fields.slice(0, 4) : [];
  const [first] = values;
  return {
    action: text('action'),
    id: number('id'),
    type: number('type'),
    level: number('level'),
    text: text('text'),
    msg: text('msg'),
    name: typeof first === 'string' ? first.slice(0, nameMax) : '',
    fields: values.map(bytesOf),
  };
}

function bytesOf(value: unknown): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : 0;
}
