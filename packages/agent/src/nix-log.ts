/** How much of what is missing has been unpacked, in bytes. */
export interface FetchProgress {
  readonly doneBytes: number;
  readonly totalBytes: number;
}

/** Longest line that is waited for, in characters; what is longer is no progress, and is shown as it is. */
const lineMax = 256 * 1024;
/**
 * Of Nix's logger (`libutil/logging.hh`): the copy of one path and of all, how far an activity is, what all of a kind will
 * come to. A copy is told in steps of 64 KiB, the last of which is not, and small paths are not told of at all.
 */
const copyPath = 100;
const copyPaths = 103;
const progress = 105;
const expected = 106;
/** The least severe messages that people see by default. */
const levelInfo = 3;
const prefix = '@nix ';

/** Reads what Nix prints with `--log-format internal-json`: how far a fetch is, and what people would have read. */
export class NixLog {
  readonly #onProgress: (progress: FetchProgress) => void;
  readonly #decoder = new TextDecoder();
  #rest = '';
  /** Of the copies under way, by activity; and of those that are over. */
  readonly #copying = new Map<number, { readonly done: number; readonly whole: number }>();
  #copiedBytes = 0;
  /** The activity that counts the paths. */
  #counting: number | null = null;
  #isAllThere = false;
  #totalBytes = 0;

  constructor(onProgress: (progress: FetchProgress) => void) {
    this.#onProgress = onProgress;
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
        if (type === copyPath) this.#copying.set(id, { done: 0, whole: 0 });
        if (type === copyPaths) this.#counting = id;
        return level <= levelInfo && text !== '' ? `${text}\n` : '';
      case 'stop':
        this.#copiedBytes += this.#copying.get(id)?.whole ?? 0;
        this.#copying.delete(id);
        return '';
      case 'result':
        this.#result(id, type, fields);
        return '';
      default:
        return '';
    }
  }

  #result(id: number, type: number, [first = 0, second = 0]: readonly number[]): void {
    if (type === expected && first === copyPath) this.#totalBytes = second;
    else if (type === progress && this.#copying.has(id)) this.#copying.set(id, { done: first, whole: second });
    else if (type === progress && id === this.#counting) this.#isAllThere = first > 0 && first === second;
    else return;
    if (this.#totalBytes === 0) return;
    const sum = [...this.#copying.values()].reduce((bytes, { done }) => bytes + done, this.#copiedBytes);
    const doneBytes = this.#isAllThere ? this.#totalBytes : Math.min(sum, this.#totalBytes);
    this.#onProgress({ doneBytes, totalBytes: this.#totalBytes });
  }
}

interface Entry {
  readonly action: string;
  readonly id: number;
  readonly type: number;
  readonly level: number;
  readonly text: string;
  readonly msg: string;
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
  const fields = Array.isArray(of.fields) ? of.fields.slice(0, 4).map(bytesOf) : [];
  return {
    action: text('action'),
    id: number('id'),
    type: number('type'),
    level: number('level'),
    text: text('text'),
    msg: text('msg'),
    fields,
  };
}

function bytesOf(value: unknown): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : 0;
}
