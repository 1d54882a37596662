import type { z } from 'zod';

export type ParsedMessage<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly reason: 'malformed' | 'invalid'; readonly detail: string };

/** Problems named in one answer, and its length in characters. */
const problemsMax = 5;
const detailCharactersMax = 1900;

// A byte order mark is kept, so that JSON.parse refuses it: one message has one beginning.
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Bytes of a request or reply as their schema's type. The transport has bounded their size. Unlike a document, a message
 * need not be canonical: nobody signs it.
 */
export function parseMessage<Value>(schema: z.ZodType<Value>, bytes: Uint8Array): ParsedMessage<Value> {
  let value: unknown;
  try {
    value = JSON.parse(decoder.decode(bytes));
  } catch {
    return { ok: false, reason: 'malformed', detail: 'expected JSON in UTF-8' };
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return { ok: true, value: parsed.data };
  const problems = parsed.error.issues
    .slice(0, problemsMax)
    .map(({ path, message }) => `${path.length === 0 ? '(whole)' : path.map(String).join('.')}: ${message}`);
  return { ok: false, reason: 'invalid', detail: problems.join('; ').slice(0, detailCharactersMax) };
}
