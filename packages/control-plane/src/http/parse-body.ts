import type { z } from 'zod';

export type ParsedBody<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly detail: string };

/** Problems named in one reply. */
const problemsMax = 5;

const decoder = new TextDecoder('utf-8', { fatal: true });

/** A request's JSON body as its schema's type. Its size was bounded by the transport. */
export function parseBody<Value>(schema: z.ZodType<Value>, body: Uint8Array): ParsedBody<Value> {
  let value: unknown;
  try {
    value = JSON.parse(decoder.decode(body));
  } catch {
    return { ok: false, detail: 'expected a JSON body in UTF-8' };
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return { ok: true, value: parsed.data };
  const problems = parsed.error.issues
    .slice(0, problemsMax)
    .map(({ path, message }) => `${path.length === 0 ? '(whole)' : path.map(String).join('.')}: ${message}`);
  return { ok: false, detail: problems.join('; ').slice(0, 1900) };
}
