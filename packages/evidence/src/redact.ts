import { type Crypto, concatBytes, encodeHex, type Json, utf8 } from '@nixfleet/contracts';

/** Members in which probes name people and the addresses of others. */
export const redactedMembers: ReadonlySet<string> = new Set(['user', 'address']);

/** Hexadecimal digits of a hash that stand for a text: enough to tell two apart, not to search for one by chance. */
const digits = 16;
const redactedText = /^salted:[0-9a-f]{16}$/;

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

/**
 * Whether `found` is `asked` as a host that redacted these members writes it: the same value, but for texts inside them, each
 * of which is a hash. `hashes` has what each text was met as before, so that one text cannot be two.
 */
export function isRedactionOf(
  found: Json | undefined,
  asked: Json,
  { members, hashes }: { readonly members: readonly string[]; readonly hashes: Map<string, string> },
  isInside = false,
): boolean {
  if (typeof asked === 'string' && isInside) {
    if (typeof found !== 'string' || !redactedText.test(found)) return false;
    const before = hashes.get(asked);
    if (before !== undefined) return before === found;
    hashes.set(asked, found);
    return true;
  }
  if (typeof asked !== 'object' || asked === null) return found === asked;
  if (typeof found !== 'object' || found === null || Array.isArray(found) !== Array.isArray(asked)) return false;
  const [left, right] = [Object.entries(found), Object.entries(asked)];
  const there = new Map(left);
  return (
    left.length === right.length &&
    right.every(([name, inner]) => {
      const isRedacted = !Array.isArray(asked) && redactedMembers.has(name) && members.includes(name);
      return isRedactionOf(there.get(name), inner, { members, hashes }, isInside || isRedacted);
    })
  );
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
