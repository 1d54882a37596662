import type { Logger } from 'pino';

/** Where this package writes. Fields that peers supplied are bounded by their schemas or by `shown`. */
export type Log = Pick<Logger, 'debug' | 'info' | 'warn' | 'error'>;

const ignore = (): void => {};

/** For tests and simulation. */
export const silentLog: Log = { debug: ignore, info: ignore, warn: ignore, error: ignore };

/** A peer's text, short and printable: no line of a log can be forged with it. */
export function shown(text: string): string {
  return text.slice(0, 200).replaceAll(/[^\x20-\x7e]/g, '?');
}
