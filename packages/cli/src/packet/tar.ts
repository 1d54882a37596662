import { CliError } from '../cli-error.ts';

/** One file of an archive. */
export interface TarEntry {
  readonly name: string;
  readonly bytes: Uint8Array;
}

const blockBytes = 512;
/** Longest name in a plain ustar header. */
const nameBytesMax = 100;

/**
 * One entry as ustar (POSIX.1-1988) has it, without owner, time or mode that could differ: the same file makes the same
 * bytes on every machine, and stock tar reads it.
 */
export function tarEntry({ name, bytes }: TarEntry): Buffer {
  if (Buffer.byteLength(name) > nameBytesMax) throw new RangeError(`${name}: too long for an archive`);
  const header = Buffer.alloc(blockBytes);
  header.write(name, 0, 'utf8');
  header.write('0000644\0', 100, 'latin1');
  header.write('0000000\0', 108, 'latin1');
  header.write('0000000\0', 116, 'latin1');
  header.write(`${bytes.length.toString(8).padStart(11, '0')}\0`, 124, 'latin1');
  header.write('00000000000\0', 136, 'latin1');
  header.write('        ', 148, 'latin1');
  header.write('0', 156, 'latin1');
  header.write('ustar\x0000', 257, 'latin1');
  let sum = 0;
  for (const byte of header) sum += byte;
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  const padding = (blockBytes - (bytes.length % blockBytes)) % blockBytes;
  return Buffer.concat([header, bytes, Buffer.alloc(padding)]);
}

/** What ends an archive. */
export const tarEnd = Buffer.alloc(2 * blockBytes);

/**
 * The entries of an archive as `tarEntry` writes them, one at a time. Throws `CliError` `failed` for anything else: another
 * type of entry, a larger one than `bytesMax`, more than `entriesMax`, a sum that is wrong, an end that is missing.
 */
export async function* readTar(
  chunks: AsyncIterable<Uint8Array>,
  { name, bytesMax, entriesMax }: { readonly name: string; readonly bytesMax: number; readonly entriesMax: number },
): AsyncGenerator<TarEntry> {
  const bad = (why: string) => new CliError('failed', `${name}: ${why}`, 'it was damaged or not made by this program');
  const source = blocksOf(chunks);
  for (let entries = 0; ; entries++) {
    const header = await source.take(blockBytes);
    if (header === null) throw bad('the archive ends in the middle');
    if (header.every((byte) => byte === 0)) return;
    if (entries >= entriesMax) throw bad(`more than ${entriesMax} entries`);
    const { entry, size } = parseHeader(header) ?? {};
    if (entry === undefined || size === undefined) throw bad('not an entry of this kind of archive');
    if (size > bytesMax) throw bad(`${entry} has more than ${bytesMax} bytes`);
    const padded = Math.ceil(size / blockBytes) * blockBytes;
    const content = await source.take(padded);
    if (content === null) throw bad('the archive ends in the middle');
    yield { name: entry, bytes: new Uint8Array(content.buffer, content.byteOffset, size) };
  }
}

function parseHeader(header: Buffer): { readonly entry: string; readonly size: number } | null {
  const field = (at: number, length: number) => header.toString('latin1', at, at + length).replace(/[\0 ]*$/, '');
  const entry = field(0, nameBytesMax);
  const size = field(124, 12);
  if (!/^[0-9A-Za-z][0-9A-Za-z.-]*$/.test(entry) || !/^[0-7]{1,11}$/.test(size)) return null;
  const parsed = Number.parseInt(size, 8);
  const expected = tarEntry({ name: entry, bytes: new Uint8Array(0) });
  expected.write(`${size.padStart(11, '0')}\0`, 124, 'latin1');
  expected.write('        ', 148, 'latin1');
  let sum = 0;
  for (const byte of expected) sum += byte;
  expected.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return expected.equals(header) ? { entry, size: parsed } : null;
}

/** Exactly as many bytes as asked, out of chunks of any size; null where there are not as many any more. */
function blocksOf(chunks: AsyncIterable<Uint8Array>) {
  const iterator = chunks[Symbol.asyncIterator]();
  let held: Buffer[] = [];
  let heldBytes = 0;
  return {
    async take(length: number): Promise<Buffer | null> {
      while (heldBytes < length) {
        const next = await iterator.next();
        if (next.done) return null;
        held.push(Buffer.from(next.value.buffer, next.value.byteOffset, next.value.length));
        heldBytes += next.value.length;
      }
      const whole = held.length === 1 ? (held[0] ?? Buffer.alloc(0)) : Buffer.concat(held, heldBytes);
      held = whole.length === length ? [] : [whole.subarray(length)];
      heldBytes = whole.length - length;
      return whole.subarray(0, length);
    },
  };
}
