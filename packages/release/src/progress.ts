import type { HostName } from '@nixfleet/contracts';

export type ReleaseStep =
  | 'topology'
  | 'evaluate'
  | 'build'
  | 'push'
  | 'verify-cache'
  | 'assemble'
  | 'static-gate'
  | 'sign'
  | 'verify'
  | 'publish';

/** One thing that happened; a `warning` is for people to look into, and stops nothing. `detail` is a line of a program's output or a short text (of a failure a few lines): show it, decide nothing by it. */
export interface ProgressEvent {
  readonly step: ReleaseStep;
  readonly state: 'started' | 'line' | 'warning' | 'done' | 'failed';
  readonly host?: HostName;
  readonly detail?: string;
}

/** Where progress goes: a terminal, plain lines, nowhere. Must not throw. */
export interface Progress {
  report(event: ProgressEvent): void;
}

export const noProgress: Progress = { report: () => {} };
