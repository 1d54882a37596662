/** What a probe knows of one file. */
export interface FileStatus {
  readonly kind: 'file' | 'directory' | 'link' | 'socket' | 'fifo' | 'device';
  /** Permission bits, setuid, setgid and sticky included. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly bytes: number;
  readonly modifiedMs: number;
  /** The file system's number: another one means a mount between. */
  readonly device: number;
}

export interface CommandOutcome {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandBounds {
  /** Default 10 s; the time left to the probe bounds it too. */
  readonly timeoutMs?: number;
  /** Default 1 MiB; more is an error. */
  readonly bytesMax?: number;
  /** Exit codes with which the program has answered. Default: only 0; others are `command-failed`. */
  readonly exitCodes?: readonly number[];
  /** What it reads from standard input; nothing by default. */
  readonly input?: string;
}

/** The machine a probe looks at. It only reads: no method changes anything. */
export interface Machine {
  /** False with `--root`: then there are files only, no commands and no kernel. */
  readonly isRunning: boolean;
  /** Wall clock when the probe began; one value for the whole run. */
  readonly nowMs: number;
  /** Throws `no-time` once the probe's time is over. To be called in every long loop. */
  checkTime(): void;
  /** A regular file's text; null when there is none. `unreadable`, `oversized` otherwise. */
  read(path: string, bytesMax?: number): string | null;
  readBytes(path: string, bytesMax?: number): Uint8Array | null;
  /** The first bytes of a regular file, at most so many; null when there is none. */
  readHead(path: string, bytes: number): Uint8Array | null;
  /** Names in a directory, sorted; null when there is none. */
  list(path: string): readonly string[] | null;
  /** What a path is, its last link followed or not; null when there is nothing. */
  status(path: string, options?: { readonly follow?: boolean }): FileStatus | null;
  /** Target of a symbolic link; null when there is none. */
  readLink(path: string): string | null;
  /** Where a path leads, all links followed; null when nowhere. */
  realPath(path: string): string | null;
  /** Space in the file system of a path, in bytes. */
  space(path: string): { readonly freeBytes: number; readonly totalBytes: number };
  /** Never ends by itself: for the drill of a probe that hangs. */
  hang(): Promise<never>;
  /** Whether the program is there. */
  has(program: string): boolean;
  /** Runs a program, found on the PATH and then where systems have it, without a shell, with nothing in its environment but PATH and LC_ALL=C. */
  run(argv: readonly [string, ...string[]], bounds?: CommandBounds): Promise<CommandOutcome>;
}
