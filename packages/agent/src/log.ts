import type { Clock } from '@nixfleet/contracts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export type LogFields = Readonly<Record<string, unknown>>;

/** Port to the log. */
export type Log = (level: LogLevel, message: string, fields?: LogFields) => void;

/** Longest text of one field, in characters. */
const textMax = 2000;

/** One JSON object a line: `time`, `level`, `message`, then the fields. */
export function jsonLog(clock: Clock, write: (line: string) => void): Log {
  return (level, message, fields = {}) => {
    const time = new Date(clock.now()).toISOString();
    const short = (_key: string, value: unknown): unknown =>
      typeof value === 'string' && value.length > textMax ? `${value.slice(0, textMax)}…` : value;
    write(`${JSON.stringify({ time, level, message, ...fields }, short)}\n`);
  };
}
