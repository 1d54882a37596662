import { createReadStream } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { crc32 } from 'node:zlib';
import { CliError } from '../cli-error.ts';

/** One file of an archive, and where its bytes lie in it. */
export interface ZipEntry {
  readonly name: string;
  readonly bytes: number;
  readonly offset: number;
  /** CRC-32, as the archive says. */
  readonly crc: number;
}

/** Most files, and most bytes, that this form has room for without Zip64 (APPNOTE 4.4.1.4). */
const entriesMax = 65_535;
const archiveBytesMax = 2 ** 32 - 1;
const nameBytesMax = 512;

/** Read at a time. */
const chunkBytes = 1024 * 1024;

const localBytes = 30;
const centralBytes = 46;
const endBytes = 22;
/** 1 January 1980, the first day that the form can say. */
const dosDate = 0x21;
/** A regular file with mode 0644, as a Unix system would note it. */
const attributes = 0o100644 * 0x10000;

interface Header {
  readonly name: string;
  readonly crc: number;
  readonly bytes: number;
  readonly offset: number;
}

/**
 * Writes files of a folder as a zip archive, in the order given, stored and without anything that could differ: the same
 * files make the same bytes on every machine, whatever its compressor. What is large in a packet is compressed already. Throws
 * `CliError` `failed` where there is more than the form has room for.
 */
export async function writeZip(
  path: string,
  {
    directory,
    names,
    signal,
  }: { readonly directory: string; readonly names: readonly string[]; readonly signal: AbortSignal },
): Promise<void> {
  const tooMuch = (what: string) =>
    new CliError('failed', `${path}: ${what}`, 'name a folder as --output, or make packets of shorter periods');
  if (names.length > entriesMax) throw tooMuch(`more than ${entriesMax} files`);
  const file = await open(path, 'wx');
  try {
    const headers: Header[] = [];
    let offset = 0;
    for (const name of names) {
      signal.throwIfAborted();
      const source = join(directory, ...name.split('/'));
      const { size } = await stat(source);
      const header = { name, crc: await crcOf(source), bytes: size, offset };
      if (offset + localBytes + name.length + size > archiveBytesMax) throw tooMuch('more than 4 GiB');
      await file.write(localHeader(header));
      for await (const chunk of createReadStream(source, { highWaterMark: chunkBytes })) {
        signal.throwIfAborted();
        await file.write(chunk as Buffer);
      }
      headers.push(header);
      offset += localBytes + name.length + size;
    }
    const central = Buffer.concat(headers.map(centralHeader));
    if (offset + central.length + endBytes > archiveBytesMax) throw tooMuch('more than 4 GiB');
    await file.write(central);
    await file.write(endOf({ entries: headers.length, centralBytes: central.length, offset }));
    await file.sync();
  } finally {
    await file.close();
  }
}

async function crcOf(path: string): Promise<number> {
  let crc = 0;
  for await (const chunk of createReadStream(path)) crc = crc32(chunk as Buffer, crc);
  return crc;
}

/**
 * The files of an archive as `writeZip` makes it, and nothing else: every byte of every header is what it would write, files lie
 * one behind the other from the first byte on, and names are plain, sorted and each there once. So nothing can be compressed,
 * overlap, hide between files, be a link, or leave the folder that it is unpacked in. Throws `CliError` `failed` otherwise.
 */
export async function readZip(path: string): Promise<readonly ZipEntry[]> {
  const bad = (why: string) =>
    new CliError(
      'failed',
      `${path}: ${why}`,
      'it was damaged or not made by this program; if you packed it again yourself, unpack it and name the folder',
    );
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const end = await readAt(file, size - endBytes, endBytes);
    if (end === null || end.readUInt32LE(0) !== 0x06054b50) throw bad('no zip archive');
    const summary = { entries: end.readUInt16LE(10), centralBytes: end.readUInt32LE(12), offset: end.readUInt32LE(16) };
    if (!end.equals(endOf(summary)) || summary.offset + summary.centralBytes + endBytes !== size) {
      throw bad('its end is not the end of an archive of this kind');
    }
    if (summary.centralBytes > summary.entries * (centralBytes + nameBytesMax)) throw bad('its directory is too large');
    const central = await readAt(file, summary.offset, summary.centralBytes);
    if (central === null) throw bad('it ends in the middle');
    return await entriesOf(file, { central, summary, bad });
  } finally {
    await file.close();
  }
}

async function entriesOf(
  file: FileHandle,
  {
    central,
    summary,
    bad,
  }: {
    readonly central: Buffer;
    readonly summary: { readonly entries: number; readonly offset: number };
    readonly bad: (why: string) => CliError;
  },
): Promise<readonly ZipEntry[]> {
  const entries: ZipEntry[] = [];
  let at = 0;
  let offset = 0;
  let before = '';
  for (let i = 0; i < summary.entries; i++) {
    if (at + centralBytes > central.length) throw bad('its directory ends in the middle');
    const name = central.toString('latin1', at + centralBytes, at + centralBytes + central.readUInt16LE(at + 28));
    const header = { name, crc: central.readUInt32LE(at + 16), bytes: central.readUInt32LE(at + 20), offset };
    const shown = JSON.stringify(name.slice(0, 80));
    if (!isPlain(name)) throw bad(`the name ${shown} is none of a packet`);
    if (name <= before) throw bad(`the name ${shown} stands twice or out of order`);
    const expected = centralHeader(header);
    if (!central.subarray(at, at + expected.length).equals(expected)) throw bad(`${name}: not a plain stored file`);
    const data = offset + localBytes + name.length;
    if (data + header.bytes > summary.offset) throw bad(`${name}: reaches beyond the files`);
    const local = await readAt(file, offset, localBytes + name.length);
    if (!local?.equals(localHeader(header))) throw bad(`${name}: its two headers differ`);
    entries.push({ name, bytes: header.bytes, offset: data, crc: header.crc });
    before = name;
    at += expected.length;
    offset = data + header.bytes;
  }
  if (at !== central.length || offset !== summary.offset)
    throw bad('something lies between its files and its directory');
  return entries;
}

/** The bytes of one file, as they lie there. */
export function readZipEntry(path: string, { bytes, offset }: ZipEntry): Readable {
  // A range of no bytes cannot be said: `end` is inclusive.
  if (bytes === 0) return Readable.from([]);
  return createReadStream(path, { start: offset, end: offset + bytes - 1, highWaterMark: chunkBytes });
}

function isPlain(name: string): boolean {
  return name.length <= nameBytesMax && name.split('/').every((part) => /^[A-Za-z0-9_][A-Za-z0-9._-]*$/.test(part));
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer | null> {
  if (position < 0) return null;
  const bytes = Buffer.alloc(length);
  const { bytesRead } = await file.read(bytes, 0, length, position);
  return bytesRead === length ? bytes : null;
}

/** APPNOTE 4.3.7. */
function localHeader({ name, crc, bytes }: Header): Buffer {
  const header = Buffer.alloc(localBytes + name.length);
  header.writeUInt32LE(0x04034b50, 0);
  writeShared(header, 4, { crc, bytes, name });
  header.write(name, localBytes, 'latin1');
  return header;
}

/** APPNOTE 4.3.12. */
function centralHeader({ name, crc, bytes, offset }: Header): Buffer {
  const header = Buffer.alloc(centralBytes + name.length);
  header.writeUInt32LE(0x02014b50, 0);
  // Made by version 2.0 on Unix.
  header.writeUInt16LE(0x0314, 4);
  writeShared(header, 6, { crc, bytes, name });
  header.writeUInt32LE(attributes, 38);
  header.writeUInt32LE(offset, 42);
  header.write(name, centralBytes, 'latin1');
  return header;
}

/** What both headers have: version 1.0, no flags, stored, the date, sum, both sizes, length of the name. */
function writeShared(header: Buffer, at: number, { crc, bytes, name }: Omit<Header, 'offset'>): void {
  header.writeUInt16LE(10, at);
  header.writeUInt16LE(dosDate, at + 8);
  header.writeUInt32LE(crc, at + 10);
  header.writeUInt32LE(bytes, at + 14);
  header.writeUInt32LE(bytes, at + 18);
  header.writeUInt16LE(name.length, at + 22);
}

/** APPNOTE 4.3.16. */
function endOf({
  entries,
  centralBytes: bytes,
  offset,
}: {
  readonly entries: number;
  readonly centralBytes: number;
  readonly offset: number;
}): Buffer {
  const end = Buffer.alloc(endBytes);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(entries, 8);
  end.writeUInt16LE(entries, 10);
  end.writeUInt32LE(bytes, 12);
  end.writeUInt32LE(offset, 16);
  return end;
}
