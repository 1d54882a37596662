import { accept, canonicalize, type Json, lookup, type Refusal, refuse, type Verified } from '@nixfleet/contracts';
import { isSameJson } from './same-json.ts';

/** Why an expectation cannot be evaluated. It is then neither met nor missed: an error. */
export type ExpectationRefusalCode = 'unknown-operator' | 'bad-operand' | 'too-deep';

export interface Mismatch {
  /** Members from the top, joined by dots; empty for the whole. */
  readonly path: string;
  readonly expected: Json;
  readonly observed: Json;
}

export interface Evaluated {
  readonly isMet: boolean;
  /** The first `mismatchesMax` of what is not as expected. */
  readonly mismatches: readonly Mismatch[];
}

/** Deepest nesting of an expectation. */
export const expectationDepthMax = 16;
/** Most mismatches that are listed. */
export const mismatchesMax = 16;

type Step = { readonly isMet: boolean } | Refusal<ExpectationRefusalCode>;

/**
 * Whether `observed` is what `expected` demands, by the rules of `nix/compliance/expectation.nix`: an object whose keys
 * begin with `$` holds operators, all of which must hold; another object is matched member by member, a member that is not
 * there being null; anything else is equality. Shared by the agent, the release and every verifier, so that they cannot
 * disagree. Never throws for JSON, whatever it holds; work is bounded by the sizes of both.
 */
export function evaluateExpectation(expected: Json, observed: Json): Verified<Evaluated, ExpectationRefusalCode> {
  const mismatches: Mismatch[] = [];
  const step = match(expected, observed, '', 0, mismatches);
  return 'isMet' in step ? accept({ isMet: step.isMet, mismatches }) : step;
}

function match(expected: Json, observed: Json, path: string, depth: number, mismatches: Mismatch[]): Step {
  if (depth > expectationDepthMax) {
    return refuse('too-deep', `expected an expectation of at most ${expectationDepthMax} levels`);
  }
  const record = (step: Step): Step => {
    if ('isMet' in step && !step.isMet && mismatches.length < mismatchesMax) {
      mismatches.push({ path, expected, observed });
    }
    return step;
  };
  if (!isObject(expected)) return record({ isMet: isSameJson(expected, observed) });
  if (isOperation(expected)) return record(operate(expected, observed));
  if (!isObject(observed)) return record({ isMet: false });
  let isMet = true;
  for (const [name, inner] of Object.entries(expected)) {
    const at = path === '' ? name : `${path}.${name}`;
    const step = match(inner, lookup(observed, name) ?? null, at, depth + 1, mismatches);
    if (!('isMet' in step)) return step;
    isMet &&= step.isMet;
  }
  return { isMet };
}

function operate(operation: JsonObject, observed: Json): Step {
  let isMet = true;
  for (const [name, operand] of Object.entries(operation)) {
    const step = apply(name, operand, observed);
    if (!('isMet' in step)) return step;
    isMet &&= step.isMet;
  }
  return { isMet };
}

function apply(name: string, operand: Json, observed: Json): Step {
  const bad = () => refuse('bad-operand', `${name}: not what it takes: ${JSON.stringify(operand).slice(0, 80)}`);
  switch (name) {
    case '$ge':
      if (typeof operand !== 'number') return bad();
      return { isMet: typeof observed === 'number' && observed >= operand };
    case '$le':
      if (typeof operand !== 'number') return bad();
      return { isMet: typeof observed === 'number' && observed <= operand };
    case '$in':
      if (!isList(operand)) return bad();
      return { isMet: formsOf(operand).has(canonicalize(observed)) };
    case '$subset': {
      if (!isList(operand)) return bad();
      if (!isList(observed)) return { isMet: false };
      const allowed = formsOf(operand);
      return { isMet: observed.every((value) => allowed.has(canonicalize(value))) };
    }
    case '$absent':
      if (typeof operand !== 'boolean') return bad();
      return { isMet: (observed === null) === operand };
    default:
      return refuse('unknown-operator', `${name.slice(0, 80)}: not an operator that this version knows`);
  }
}

/**
 * The members of `observed` that `expected` speaks of, in its shape: what evidence keeps beside the expectation, and
 * enough to evaluate it again.
 */
export function observedPart(expected: Json, observed: Json): Json {
  if (!isObject(expected) || isOperation(expected) || !isObject(observed)) return observed;
  const entries = Object.entries(expected).map(
    ([name, inner]) => [name, observedPart(inner, lookup(observed, name) ?? null)] as const,
  );
  return Object.fromEntries(entries);
}

type JsonObject = { readonly [key: string]: Json };

export function isObject(value: Json): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}

function isOperation(expected: JsonObject): boolean {
  return Object.keys(expected).some((name) => name.startsWith('$'));
}

function formsOf(values: readonly Json[]): ReadonlySet<string> {
  return new Set(values.map((value) => canonicalize(value)));
}
