import type { Verified } from '@nixfleet/contracts';

/** The value of an acceptance; throws with reason and detail of a refusal. */
export function accepted<Value>(result: Verified<Value, string>): Value {
  if (result.ok) return result.value;
  throw new Error(`expected acceptance, got ${result.reason}: ${result.detail}`);
}

/** The value, or an error that says what is not there yet. */
export function present<Value>(value: Value | null | undefined, what: string): Value {
  if (value === null || value === undefined) throw new Error(`there is not yet ${what}`);
  return value;
}
