import { concatBytes, utf8 } from './bytes.ts';

/** Longest name of an algorithm, namespace or application that `SshReader.text` accepts, in characters. */
const textCharactersMax = 1024;

/** Writes SSH's `string`: a big-endian 32-bit length and the bytes (RFC 4251 §5). */
export function sshString(value: Uint8Array | string): Uint8Array<ArrayBuffer> {
  const bytes = typeof value === 'string' ? utf8(value) : value;
  return concatBytes(sshUint32(bytes.length), bytes);
}

export function sshUint32(value: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array([(value >>> 24) & 0xff, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff]);
}

/** Reads SSH's wire format from bytes an attacker may have written: every read returns null past the end. */
export class SshReader {
  readonly #bytes: Uint8Array;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#offset === this.#bytes.length;
  }

  bytes(length: number): Uint8Array | null {
    if (length > this.#bytes.length - this.#offset) return null;
    const read = this.#bytes.slice(this.#offset, this.#offset + length);
    this.#offset += length;
    return read;
  }

  uint32(): number | null {
    const read = this.bytes(4);
    if (read === null) return null;
    return read.reduce((value, byte) => value * 256 + byte, 0);
  }

  string(): Uint8Array | null {
    const length = this.uint32();
    return length === null ? null : this.bytes(length);
  }

  /** A string of printable ASCII: names of algorithms, namespaces. */
  text(): string | null {
    const read = this.string();
    if (read === null || read.length > textCharactersMax) return null;
    return read.every((byte) => byte >= 0x20 && byte < 0x7f) ? String.fromCharCode(...read) : null;
  }
}
