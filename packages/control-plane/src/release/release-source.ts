/** One consistent state of `releases/`, wherever it comes from: every byte of it is an attacker's until verified. */
export interface ReleaseSnapshot extends AsyncDisposable {
  /** Equal identifiers mean equal content; null where the source cannot tell. */
  readonly id: string | null;
  /**
   * The bytes of a path inside `releases/`, or null if it is not there. Throws `ControlPlaneError` `source-failed` for
   * anything else: a file over `bytesMax`, a source that does not answer.
   */
  read(path: string, bytesMax: number): Promise<Uint8Array | null>;
  /** Names of the documents in `holds/`, without `.json`. Absent where the source cannot list: a web server. */
  holds?(): Promise<readonly string[]>;
}

/** Port to where releases are published. */
export interface ReleaseSource extends AsyncDisposable {
  /** For logs: kind and place, without credentials. */
  readonly description: string;
  /** Brings it up to date. Throws `ControlPlaneError` `source-failed`. */
  open(signal: AbortSignal): Promise<ReleaseSnapshot>;
}
