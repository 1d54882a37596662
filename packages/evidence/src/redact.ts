import { type Crypto, concatBytes, encodeHex, type Json, utf8 } from '@nixfleet/contracts';

/** Members in which probes name people and the addresses of others. */
export const redactedMembers: ReadonlySet<string> = new Set(['user', 'address']);

/** Hexadecimal digits of a hash that stand for a text: enough to tell two apart, not to search for one by chance. */
const digits = 16;

/**
 * Replaces the texts in members called `user` and `address` by `salted:<16 digits>`: equal texts stay equal under one
 * salt. Returns which members were met. The salt never leaves the host, or a list of names would undo it.
 */
export async function redact(
  crypto: Crypto,
  salt: Uint8Array,
  value: Json,
): Promise<{ readonly value: Json; readonly members: readonly string[] }> {
  const texts = new Set<string>();
  const members = new Set<string>();
  collect(value, false, { texts, members });
  const hashes = new Map<string, string>();
  for (const text of texts) {
    const hash = encodeHex(await crypto.sha256(concatBytes(salt, utf8(text))));
    hashes.set(text, `salted:${hash.slice(0, digits)}`);
  }
  return { value: replace(value, false, hashes), members: [...members].sort() };
}

function collect(value: Json, isInside: boolean, found: { texts: Set<string>; members: Set<string> }): void {
  if (typeof value === 'string') {
    if (isInside) found.texts.add(value);
  } else if (Array.isArray(value)) {
    for (const inner of value as readonly Json[]) collect(inner, isInside, found);
  } else if (typeof value === 'object' && value !== null) {
    for (const [name, inner] of Object.entries(value)) {
      const isRedacted = redactedMembers.has(name);
      if (isRedacted) found.members.add(name);
      collect(inner, isInside || isRedacted, found);
    }
  }
}

function replace(value: Json, isInside: boolean, hashes: ReadonlyMap<string, string>): Json {
  if (typeof value === 'string') return isInside ? (hashes.get(value) ?? 'salted:') : value;
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return (value as readonly Json[]).map((inner) => replace(inner, isInside, hashes));
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [name, replace(inner, isInside || redactedMembers.has(name), hashes)]),
  );
}
