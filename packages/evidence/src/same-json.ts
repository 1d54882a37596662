import type { Json } from '@nixfleet/contracts';

/** Whether two values have one canonical form. Depth is that of the shallower one, which parsing has bounded. */
export function isSameJson(left: Json | undefined, right: Json | undefined): boolean {
  if (left === right) return true;
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null) return false;
  if (left === undefined || right === undefined) return false;
  if (isList(left) || isList(right)) {
    if (!isList(left) || !isList(right) || left.length !== right.length) return false;
    for (let i = 0; i < left.length; i++) if (!isSameJson(left[i], right[i])) return false;
    return true;
  }
  const names = Object.keys(left);
  if (names.length !== Object.keys(right).length) return false;
  for (const name of names) if (!Object.hasOwn(right, name) || !isSameJson(left[name], right[name])) return false;
  return true;
}

// `Array.isArray` alone does not narrow a read-only list.
function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}
