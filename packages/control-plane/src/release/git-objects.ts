import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { ControlPlaneError } from '../errors.ts';

/** Most bytes of standard error that are kept for a message. */
const stderrBytesMax = 4096;

interface Waiting {
  readonly bytesMax: number;
  readonly resolve: (bytes: Uint8Array | null) => void;
  readonly reject: (error: Error) => void;
}

/**
 * `git cat-file --batch` on one repository: one process reads every file of a snapshot, nothing is checked out.
 * Requests are answered in order. Of what is too large, or no file, the content is dropped as it comes: one bad file of a
 * branch keeps nobody from reading the others.
 */
export class GitObjects implements AsyncDisposable {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #waiting: Waiting[] = [];
  #received: Buffer[] = [];
  #receivedBytes = 0;
  /** Bytes still to come of an object that nobody gets. */
  #droppedBytes = 0;
  /** Size of the object whose content is being received; null while a header is. */
  #size: number | null = null;
  #stderr = '';
  #fault: Error | null = null;
  readonly #closed: Promise<void>;

  constructor(directory: string, env: NodeJS.ProcessEnv) {
    this.#child = spawn('git', ['--git-dir', directory, 'cat-file', '--batch'], { env });
    this.#child.stdout.on('data', (chunk: Buffer) => this.#receive(chunk));
    this.#child.stderr.on('data', (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString('utf8')).slice(0, stderrBytesMax);
    });
    this.#child.stdin.on('error', () => {});
    this.#child.on('error', (error) => this.#fail(error.message));
    this.#closed = new Promise((resolve) => {
      this.#child.on('close', () => {
        this.#fail(`git cat-file ended${this.#stderr === '' ? '' : `: ${this.#stderr.trim()}`}`);
        resolve();
      });
    });
  }

  /** The blob that `name` (`<commit>:<path>`) resolves to; null if there is none. */
  read(name: string, bytesMax: number): Promise<Uint8Array | null> {
    if (this.#fault) return Promise.reject(this.#fault);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ bytesMax, resolve, reject });
      this.#child.stdin.write(`${name}\n`);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin.end();
    this.#child.kill();
    await this.#closed;
  }

  #receive(chunk: Buffer): void {
    const dropped = Math.min(this.#droppedBytes, chunk.length);
    this.#droppedBytes -= dropped;
    if (dropped === chunk.length) return;
    this.#received.push(chunk.subarray(dropped));
    this.#receivedBytes += chunk.length - dropped;
    for (let wasUsed = true; wasUsed && !this.#fault; ) {
      wasUsed = this.#size === null ? this.#receiveHeader() : this.#receiveContent(this.#size);
    }
  }

  /** `<hash> <type> <size>`, or `<name> missing`; then a line feed. */
  #receiveHeader(): boolean {
    const buffer = this.#joined();
    const end = buffer.indexOf(0x0a);
    const waiting = this.#waiting[0];
    if (end === -1 || !waiting) return false;
    const line = buffer.toString('utf8', 0, end);
    this.#keep(buffer.subarray(end + 1));
    if (line.endsWith(' missing')) {
      this.#waiting.shift();
      waiting.resolve(null);
      return true;
    }
    const match = /^[0-9a-f]{40,64} (\w+) (\d+)$/.exec(line);
    const size = Number(match?.[2]);
    if (!match) this.#fail(`git cat-file: expected an object, got '${line.slice(0, 200)}'`);
    else if (match[1] !== 'blob') this.#drop(size, `expected a file, got a ${match[1]}`);
    else if (size > waiting.bytesMax) this.#drop(size, `a file of ${size} bytes, expected at most ${waiting.bytesMax}`);
    else this.#size = size;
    return true;
  }

  /** Its content, and the line feed after it, are part of what was received already or still come. */
  #drop(size: number, why: string): void {
    const buffer = this.#joined();
    const here = Math.min(buffer.length, size + 1);
    this.#keep(buffer.subarray(here));
    this.#droppedBytes = size + 1 - here;
    this.#waiting.shift()?.reject(new ControlPlaneError('source-failed', why));
  }

  #receiveContent(size: number): boolean {
    if (this.#receivedBytes < size + 1) return false;
    const buffer = this.#joined();
    this.#size = null;
    const content = new Uint8Array(buffer.subarray(0, size));
    this.#keep(buffer.subarray(size + 1));
    this.#waiting.shift()?.resolve(content);
    return true;
  }

  #joined(): Buffer {
    const [first, ...more] = this.#received;
    const buffer = first && more.length === 0 ? first : Buffer.concat(this.#received);
    this.#received = [buffer];
    return buffer;
  }

  #keep(rest: Buffer): void {
    this.#received = rest.length === 0 ? [] : [rest];
    this.#receivedBytes = rest.length;
  }

  #fail(message: string): void {
    if (this.#fault) return;
    this.#fault = new ControlPlaneError('source-failed', message);
    for (const { reject } of this.#waiting.splice(0)) reject(this.#fault);
    this.#child.kill();
  }
}
