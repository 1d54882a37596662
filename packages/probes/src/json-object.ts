import { ProbeError } from './errors.ts';

/** A JSON object of a file that somebody else wrote. */
export function objectOf(file: string, text: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new ProbeError('malformed', `${file}: not JSON`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new ProbeError('malformed', `${file}: expected a JSON object`);
  return value as Readonly<Record<string, unknown>>;
}
