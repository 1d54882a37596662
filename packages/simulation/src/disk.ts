import { AgentError, type Files } from '@nixfleet/agent';
import type { Dice } from './dice.ts';
import type { Life } from './life.ts';

/** Pieces of a file, so that appending costs what is appended. */
type Pieces = readonly Uint8Array<ArrayBuffer>[];

/** What survives a power cut. */
export class Disk {
  #files = new Map<string, Pieces>();
  /** Names in the directories that were listed since a file came or went. */
  readonly #listed = new Map<string, readonly string[]>();
  isFull = false;
  /** Called with every line that was appended or written whole, once it is durable. */
  onWritten: (path: string, bytes: Uint8Array, how: 'whole' | 'appended') => void = () => {};

  /** Not a copy: nobody changes what was read or written. */
  read(path: string): Uint8Array<ArrayBuffer> | null {
    const pieces = this.#files.get(path);
    if (!pieces) return null;
    const [first] = pieces;
    if (first && pieces.length === 1) return first;
    const whole = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const piece of pieces) {
      whole.set(piece, at);
      at += piece.length;
    }
    this.#files.set(path, [whole]);
    return whole;
  }

  write(path: string, bytes: Uint8Array): void {
    this.#requireRoom();
    this.#put(path, [bytes.slice()]);
    this.onWritten(path, bytes, 'whole');
  }

  append(path: string, bytes: Uint8Array): void {
    // What still fits is written before there is no room.
    if (this.isFull) this.tear(path, bytes.subarray(0, bytes.length >> 1));
    this.#requireRoom();
    this.#append(path, bytes);
    this.onWritten(path, bytes, 'appended');
  }

  /** A power cut in the midst of an append: part of it is there. */
  tear(path: string, bytes: Uint8Array): void {
    this.#append(path, bytes);
  }

  truncate(path: string, length: number): void {
    const whole = this.read(path) ?? new Uint8Array();
    this.#put(path, [whole.slice(0, length)]);
  }

  rename(from: string, to: string): boolean {
    const pieces = this.#files.get(from);
    if (!pieces) return false;
    this.#files.delete(from);
    this.#put(to, pieces);
    this.#listed.clear();
    return true;
  }

  remove(path: string): void {
    const count = this.#files.size;
    this.#files.delete(path);
    for (const name of this.#files.keys()) if (name.startsWith(`${path}/`)) this.#files.delete(name);
    if (this.#files.size < count) this.#listed.clear();
  }

  list(path: string): readonly string[] {
    const known = this.#listed.get(path);
    if (known) return known;
    const names = new Set<string>();
    for (const name of this.#files.keys()) {
      if (name.startsWith(`${path}/`)) names.add(name.slice(path.length + 1).split('/', 1)[0] as string);
    }
    const listed = [...names].sort();
    this.#listed.set(path, listed);
    return listed;
  }

  snapshot(): ReadonlyMap<string, Pieces> {
    return new Map(this.#files);
  }

  restore(snapshot: ReadonlyMap<string, Pieces>): void {
    this.#files = new Map(snapshot);
    this.#listed.clear();
  }

  #append(path: string, bytes: Uint8Array): void {
    this.#put(path, [...(this.#files.get(path) ?? []), bytes.slice()]);
  }

  #put(path: string, pieces: Pieces): void {
    if (!this.#files.has(path)) this.#listed.clear();
    this.#files.set(path, pieces);
  }

  #requireRoom(): void {
    if (this.isFull) throw new AgentError('disk-full', 'no space left on device');
  }
}

/** Share of the accesses that take their time, and how long at most, in milliseconds. */
const slow = { share: 0.02, msMax: 400 };

/** The port to a disk, for one incarnation of the agent. A crash may leave part of an append behind. */
export function diskFiles(disk: Disk, life: Life, dice: Dice): Files {
  const delay = (): number => (dice.chance(slow.share) ? dice.between(1, slow.msMax) : 0);
  return {
    read: (path, bytesMax) =>
      life.cross(() => {
        const bytes = disk.read(path);
        if (bytes && bytes.length > bytesMax) throw new AgentError('oversized', `${path}: over ${bytesMax} bytes`);
        return bytes;
      }),
    write: (path, bytes) => life.cross(() => disk.write(path, bytes), delay()),
    append: (path, bytes) =>
      life.cross(
        () => disk.append(path, bytes),
        delay(),
        () => disk.tear(path, bytes.subarray(0, dice.whole(0, bytes.length - 1))),
      ),
    truncate: (path, length) => life.cross(() => disk.truncate(path, length)),
    rename: (from, to) => life.cross(() => disk.rename(from, to)),
    remove: (path) => life.cross(() => disk.remove(path)),
    list: (path) => life.cross(() => disk.list(path)),
  };
}
