import type { z } from 'zod';
import { CliError } from './cli-error.ts';
import { printable } from './printable.ts';

/** What somebody typed, as a domain type; `where` is the option, argument or variable, for the message. */
export function parseTyped<Schema extends z.ZodType>(schema: Schema, text: string, where: string): z.output<Schema> {
  const parsed = schema.safeParse(text);
  if (parsed.success) return parsed.data;
  const what = `${where} '${printable(text)}'`;
  throw new CliError('usage', what, parsed.error.issues[0]?.message ?? 'not valid');
}
