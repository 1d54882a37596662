import type { SignedEvidence } from '../verify-evidence.ts';

/** A packet as it was received: nothing in it is trusted. */
export interface PacketReader {
  /** A file's bytes; null if it is not there. One of more than `bytesMax` bytes is an error of the reader. */
  read(path: string, bytesMax: number): Promise<Uint8Array | null>;
  /** Every file, sorted. */
  list(): Promise<readonly string[]>;
  /** SHA-256 and size of a file of any size. */
  digest(path: string): Promise<{ readonly sha256: string; readonly bytes: number }>;
  /** The collections of one host in the order of the archive. An archive that cannot be read ends with a throw. */
  evidence(host: string): AsyncIterable<SignedEvidence>;
}
