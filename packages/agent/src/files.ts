/**
 * Port to durable state. Paths are absolute. Every method throws `AgentError` `disk-full` (no space, no quota) or `io`
 * where it does not say otherwise.
 */
export interface Files {
  /** Null if there is no such file. `oversized` for one longer than `bytesMax`. */
  read(path: string, bytesMax: number): Promise<Uint8Array<ArrayBuffer> | null>;
  /**
   * Replaces the file whole: temporary file, fsync, rename, fsync of the directory. Makes missing directories. Nobody else may
   * read it, unless it is for everybody.
   */
  write(path: string, bytes: Uint8Array, audience?: 'everybody'): Promise<void>;
  /** Appends and fsyncs. After a failure the file may end in part of `bytes`. */
  append(path: string, bytes: Uint8Array): Promise<void>;
  /** Cuts a file to its first `length` bytes and fsyncs. */
  truncate(path: string, length: number): Promise<void>;
  /** One atomic rename, fsync of the directory. False if `from` is not there: somebody else renamed it. */
  rename(from: string, to: string): Promise<boolean>;
  /** Deletes a file or a whole directory; nothing if it is not there. */
  remove(path: string): Promise<void>;
  /** Names in a directory, sorted; empty if it is not there. */
  list(path: string): Promise<readonly string[]>;
}
