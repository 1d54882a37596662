import { ProbeError } from './errors.ts';

/** Most values of one list, and most characters of one value. */
export const listMax = 512;
export const valueCharactersMax = 4096;

interface Described {
  readonly what: string;
}

/** A `default` of null: may be left out, and is then null. No `default`: must be given. */
export interface TextArgument extends Described {
  readonly kind: 'text';
  readonly default?: string | null;
  readonly oneOf?: readonly string[];
}
/** An integer. */
export interface NumberArgument extends Described {
  readonly kind: 'number';
  readonly default?: number | null;
}
/** Given several times, or several in one value, a line each; not at all is the empty list. */
export interface ListArgument extends Described {
  readonly kind: 'list';
  readonly oneOf?: readonly string[];
}
/** Given or not. */
export interface SwitchArgument extends Described {
  readonly kind: 'switch';
}

export type ArgumentSpec = TextArgument | NumberArgument | ListArgument | SwitchArgument;
/** By name in camelCase; `maxDays` is given as `--max-days 30`. */
export type ArgumentSpecs = Readonly<Record<string, ArgumentSpec>>;

type ValueOf<Spec> = Spec extends { readonly kind: 'list' }
  ? readonly string[]
  : Spec extends { readonly kind: 'switch' }
    ? boolean
    : Spec extends { readonly kind: 'number' }
      ? number | (Spec extends { readonly default: null } ? null : never)
      : string | (Spec extends { readonly default: null } ? null : never);

export type ArgumentValues<Specs extends ArgumentSpecs> = { readonly [Name in keyof Specs]: ValueOf<Specs[Name]> };

/** `maxDays` → `--max-days`. */
export function flagOf(name: string): string {
  return `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** Throws `bad-arguments`, naming the argument. */
export function parseArguments<Specs extends ArgumentSpecs>(
  specs: Specs,
  argv: readonly string[],
): ArgumentValues<Specs> {
  const byFlag = new Map(Object.entries(specs).map(([name, spec]) => [flagOf(name), { name, spec }]));
  const values = new Map<string, string[]>();
  for (let at = 0; at < argv.length; at++) {
    const flag = argv[at] ?? '';
    const found = byFlag.get(flag);
    if (!found) throw bad(`${flag}: unknown; known are ${[...byFlag.keys()].join(' ') || 'none'}`);
    const given = values.get(found.name) ?? [];
    values.set(found.name, given);
    if (found.spec.kind === 'switch') {
      given.push('');
    } else {
      const value = argv[++at];
      if (value === undefined) throw bad(`${flag}: expected a value after it`);
      if (value.length > valueCharactersMax) throw bad(`${flag}: expected at most ${valueCharactersMax} characters`);
      given.push(...(found.spec.kind === 'list' ? value.split('\n') : [value]));
    }
    const most = found.spec.kind === 'list' ? listMax : 1;
    if (given.length > most) throw bad(`${flag}: expected at most ${most} of it`);
  }
  const entries = Object.entries(specs).map(([name, spec]) => [name, argumentValue(name, spec, values.get(name))]);
  return Object.fromEntries(entries) as ArgumentValues<Specs>;
}

function argumentValue(name: string, spec: ArgumentSpec, given: readonly string[] | undefined): unknown {
  if (spec.kind === 'switch') return given !== undefined;
  if (spec.kind === 'list') {
    for (const one of given ?? [])
      if (spec.oneOf && !spec.oneOf.includes(one))
        throw bad(`${flagOf(name)}: expected ${spec.oneOf.join(' or ')}, got ${one}`);
    return given ?? [];
  }
  const value = given?.[0];
  if (value === undefined) {
    if (spec.default === undefined) throw bad(`${flagOf(name)}: must be given: ${spec.what}`);
    return spec.default;
  }
  if (spec.kind === 'text') {
    if (spec.oneOf && !spec.oneOf.includes(value))
      throw bad(`${flagOf(name)}: expected ${spec.oneOf.join(' or ')}, got ${value}`);
    return value;
  }
  if (!/^\d{1,15}$/.test(value)) throw bad(`${flagOf(name)}: expected a number, got ${value}`);
  return Number(value);
}

function bad(message: string): ProbeError {
  return new ProbeError('bad-arguments', message);
}
