import { messageOf, ProbeError } from './errors.ts';
import type { Machine } from './machine.ts';
import type { Fact, Finding, Probe, Violation } from './probe.ts';

/** Most bytes that a probe prints: `maxOutputBytes` of every descriptor. */
export const outputBytesMax = 65_536;
/** Most violations that are printed; `violationCount` counts all of them. */
export const violationsMax = 64;
/** Most characters of one observed value in a violation. */
export const observedCharactersMax = 256;

export type ProbeEnd =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly code: string; readonly message: string };

/** Runs one probe; what it would print. A fault of our own code ends as an error too, since nothing was measured. */
export async function runProbe(probe: Probe, machine: Machine, argv: readonly string[]): Promise<ProbeEnd> {
  try {
    return { ok: true, text: printed(probe, await probe.run(machine, argv)) };
  } catch (error) {
    return { ok: false, code: error instanceof ProbeError ? error.code : 'defect', message: messageOf(error) };
  }
}

function printed(probe: Probe, finding: Finding): string {
  const output = outputOf(probe, finding);
  const text = JSON.stringify(output);
  const bytes = new TextEncoder().encode(text).length;
  if (bytes >= outputBytesMax)
    throw new ProbeError('oversized', `expected at most ${outputBytesMax} bytes of output, got ${bytes}`);
  return text;
}

function outputOf(probe: Probe, finding: Finding): Readonly<Record<string, Fact>> {
  // Read by somebody who knows nothing of `notApplicable`, it has not passed.
  if ('notApplicable' in finding)
    return { compliant: false, notApplicable: finding.notApplicable, detail: finding.detail };
  const { facts, violations } = finding;
  for (const [name, fact] of Object.entries(facts)) {
    if (!Object.hasOwn(probe.facts, name)) throw new Error(`${probe.name} declares no fact ${name}`);
    mustBeIntegers(name, fact);
  }
  for (const name of Object.keys(probe.facts))
    if (!Object.hasOwn(facts, name)) throw new Error(`${probe.name} did not say ${name}`);
  for (const { what } of violations)
    if (!probe.violations.includes(what)) throw new Error(`${probe.name} declares no violation ${what}`);
  return {
    compliant: violations.length === 0,
    ...facts,
    violationCount: violations.length,
    violations: violations.slice(0, violationsMax).map(shortened),
  };
}

/** Evidence holds integers only. */
function mustBeIntegers(name: string, fact: Fact): void {
  if (typeof fact === 'number' && !Number.isSafeInteger(fact)) throw new Error(`${name} is ${fact}, no integer`);
  if (typeof fact === 'object' && fact !== null)
    for (const inner of Object.values(fact) as Fact[]) mustBeIntegers(name, inner);
}

function shortened(violation: Violation): Readonly<Record<string, Fact>> {
  const entries = Object.entries(violation).filter(([, value]) => value !== undefined);
  return Object.fromEntries(
    entries.map(([key, value]) => [
      key,
      typeof value === 'string' ? value.toWellFormed().slice(0, observedCharactersMax) : value,
    ]),
  );
}
