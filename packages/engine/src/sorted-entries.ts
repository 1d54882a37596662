import { entriesOf } from '@nixfleet/contracts';

const sorted = new WeakMap<object, readonly (readonly [string, unknown])[]>();

/**
 * `entriesOf`, once per object: verified documents do not change, and sorting 10,000 names in every pass would cost more
 * than the pass.
 */
export function sortedEntriesOf<Name extends string, Value>(
  record: Readonly<Partial<Record<Name, Value>>>,
): readonly (readonly [Name, Value])[] {
  const known = sorted.get(record);
  if (known) return known as readonly (readonly [Name, Value])[];
  const entries = entriesOf(record);
  sorted.set(record, entries);
  return entries;
}
