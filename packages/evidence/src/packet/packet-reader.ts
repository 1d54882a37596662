import type { Sha256Hex } from '@nixfleet/contracts';
import type { SignedEvidence } from '../verify-evidence.ts';
import type { Note } from './findings.ts';

/** A packet as it was received: nothing in it is trusted. */
export interface PacketReader {
  /** A file's bytes; null if it is not there. One of more than `bytesMax` bytes is a throw: `namingOversized`. */
  read(path: string, bytesMax: number): Promise<Uint8Array | null>;
  /** Every file, sorted. */
  list(): Promise<readonly string[]>;
  /** What is there and is neither file nor folder: links, and the like. Sorted. */
  strangers(): Promise<readonly string[]>;
  /** A file's size; null if it is not there. */
  bytesOf(path: string): Promise<number | null>;
  /** SHA-256 and size of a file of any size. */
  digest(path: string): Promise<{ readonly sha256: Sha256Hex; readonly bytes: number }>;
  /** The collections of one host in the order of the archive. An archive that cannot be read ends with a throw. */
  evidence(host: string): AsyncIterable<SignedEvidence>;
}

/** The same packet, in which a file that is larger than it may be is a break, and is then read as one that is not there. */
export function namingOversized(reader: PacketReader, note: Note): PacketReader {
  return {
    ...reader,
    async read(path, bytesMax) {
      const bytes = await reader.bytesOf(path);
      if (bytes === null || bytes <= bytesMax) return reader.read(path, bytesMax);
      note('file', path, `has ${bytes} bytes, of at most ${bytesMax}`);
      return null;
    },
  };
}
