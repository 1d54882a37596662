/**
 * The entry of a parsed object under `name`, or undefined. Names such as `constructor` are valid in our documents,
 * so a plain property access would find JavaScript's own members.
 */
export function lookup<Name extends string, Value>(
  record: Readonly<Partial<Record<Name, Value>>>,
  name: string,
): Value | undefined {
  return Object.hasOwn(record, name) ? (record as Readonly<Record<string, Value>>)[name] : undefined;
}

/** Own entries in byte order of their names, with the names' brand kept. */
export function entriesOf<Name extends string, Value>(record: Readonly<Partial<Record<Name, Value>>>): [Name, Value][] {
  const entries = Object.entries(record) as [Name, Value][];
  return entries.sort(([left], [right]) => (left < right ? -1 : left > right ? 1 : 0));
}
