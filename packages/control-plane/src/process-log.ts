import { destination, type Level, pino } from 'pino';
import type { Log } from './log.ts';

/** The log of a program: one JSON object a line on standard error, written before the call returns. */
export function processLog(level: Level = 'info'): Log {
  return pino({ level }, destination({ fd: 2, sync: true }));
}
