import { CliError } from './cli-error.ts';
import { printable } from './printable.ts';

const seconds = { s: 1, min: 60, h: 3600, d: 86_400 } as const;
const written = /^(\d{1,6})(s|min|h|d)$/;

/** `90s`, `30min`, `2h`, `3d` in seconds; at least one second. `where` is the option or argument, for the message. */
export function parseDuration(text: string, where: string): number {
  const match = written.exec(text);
  const unit = match?.[2];
  const value =
    Number(match?.[1]) * (unit === 's' || unit === 'min' || unit === 'h' || unit === 'd' ? seconds[unit] : 0);
  if (value >= 1) return value;
  throw new CliError('usage', `${where} '${printable(text)}'`, 'expected a duration such as 90s, 30min, 2h or 3d');
}
