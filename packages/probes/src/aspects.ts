import type { ListArgument } from './arguments.ts';
import type { Violation } from './probe.ts';

/** What a probe finds, by what it is about: rules that ask for a part of it share the probe. */
export type Aspects = Readonly<Record<string, readonly string[]>>;

/** The argument that chooses among them. */
export function lookArgument(aspects: Aspects): ListArgument {
  return { kind: 'list', what: 'what is judged; default all', oneOf: Object.keys(aspects) };
}

export function allViolations(aspects: Aspects): string[] {
  return Object.values(aspects).flat();
}

/** Whether something is to be judged. */
export function isLookedAt(look: readonly string[], aspect: string): boolean {
  return look.length === 0 || look.includes(aspect);
}

/** The violations that are to be judged. */
export function lookedAt(aspects: Aspects, look: readonly string[], violations: readonly Violation[]): Violation[] {
  if (look.length === 0) return [...violations];
  const kinds = new Set(look.flatMap((one) => aspects[one] ?? []));
  return violations.filter(({ what }) => kinds.has(what));
}
