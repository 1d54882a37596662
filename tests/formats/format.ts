import type { Crypto } from '@nixfleet/contracts';

/** What a reader says of bytes. It has no other way to answer: one that throws is broken. */
export type Outcome =
  | {
      readonly ok: true;
      readonly value: unknown;
      /** What was read, written again: reads as the same value. */
      readonly printed: Uint8Array;
    }
  | { readonly ok: false; readonly reason: string; readonly detail: string };

/** One kind of bytes that strangers hand to us, and its reader. */
export interface Format {
  /** Its folder in `vectors/corpus`. */
  readonly name: string;
  /** What a mutation may take for granted: the bytes are JSON, lines of text, or neither. */
  readonly shape: 'json' | 'text' | 'bytes';
  /** One value has one form: what is accepted is what is printed. */
  readonly isCanonical: boolean;
  /** Nothing longer is accepted, in bytes; null where whatever carries it bounds it. */
  readonly bytesMax: number | null;
  read(bytes: Uint8Array, crypto: Crypto): Promise<Outcome>;
}

export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

/** As files are read everywhere here: what is no UTF-8 becomes U+FFFD, which no reader accepts. */
export const textOf = (bytes: Uint8Array): string => new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);

export function taken(value: unknown, printed: Uint8Array): Outcome {
  return { ok: true, value, printed };
}

export function left(reason: string, detail = ''): Outcome {
  return { ok: false, reason, detail };
}

/** Faults that a reader is declared to throw for what it does not take, by their code. Anything else goes on. */
export async function caught(codes: readonly string[], read: () => Promise<Outcome> | Outcome): Promise<Outcome> {
  try {
    return await read();
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (!codes.includes(code)) throw error;
    return left(code, error instanceof Error ? error.message : '');
  }
}
