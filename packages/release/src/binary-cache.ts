/** Port to a binary cache, read only. Transport faults throw `ReleaseError` `io` after the adapter's own retries. */
export interface BinaryCache {
  /** For people: without credentials. */
  readonly name: string;
  /** A file by its path in the cache; null if it is not there. */
  read(path: string, bytesMax: number): Promise<Uint8Array | null>;
  /** Bytes of a file, or null if it is not there; `unknown` where the cache does not say. */
  size(path: string): Promise<number | 'unknown' | null>;
}
