import {
  documentDepthMax,
  type Json,
  lookup,
  type NotApplicableReason,
  type ProbeDescriptor,
  parseJson,
} from '@nixfleet/contracts';
import { evaluateExpectation, isObject, observedPart } from './expectation.ts';

/** How a probe ended, as whoever ran it saw it. Every byte of its output may be hostile. */
export interface ProbeRunResult {
  /** Null where a signal ended it, or it never started. */
  readonly exitCode: number | null;
  readonly durationMs: number;
  /** What it printed, at most one byte more than the descriptor's `maxOutputBytes`. */
  readonly stdout: Uint8Array;
  /** Why it did not run to its end: time, a signal, a program that is not there. */
  readonly problem?: string;
}

/** What one probe measured. */
export type Measurement =
  | {
      readonly status: 'pass' | 'fail';
      readonly expected: Json;
      readonly observed: Json;
      readonly output: Json;
      readonly detail?: string;
    }
  | {
      readonly status: 'not-applicable';
      readonly reason: NotApplicableReason;
      readonly detail: string;
      readonly output: Json;
    }
  | { readonly status: 'error'; readonly detail: string; readonly output: Json | null };

/** Largest expectation and observation that evidence keeps, in characters of JSON; a larger one is an error. */
export const observedCharactersMax = 16_384;

const shownCharactersMax = 200;

/**
 * Judges what a probe printed. Nothing but a clean run whose output is one JSON object of whole numbers, and meets the
 * expectation, and does not say otherwise itself, passes.
 */
export function measure(probe: ProbeDescriptor, run: ProbeRunResult): Measurement {
  if (run.problem !== undefined) return failed(run.problem);
  if (run.exitCode !== 0) return failed(`expected exit 0, got ${run.exitCode ?? 'none'}`);
  const parsed = parseJson(run.stdout, {
    bytesMax: probe.maxOutputBytes,
    depthMax: documentDepthMax - 8,
    numbers: 'integers',
  });
  if (!parsed.ok) return failed(`output: ${parsed.reason}: ${parsed.detail}`);
  const output = parsed.value;
  if (!isObject(output)) return failed('output: expected one JSON object');
  const notApplicable = lookup(output, 'notApplicable');
  if (notApplicable !== undefined) return elsewhere(probe, output, notApplicable);
  return compare(probe, output);
}

function elsewhere(
  { applicability }: ProbeDescriptor,
  output: { readonly [key: string]: Json },
  why: Json,
): Measurement {
  if (typeof why !== 'string' || why === '') return failed('output: notApplicable: expected a reason', output);
  const more = lookup(output, 'detail');
  const detail = typeof more === 'string' ? `${why}: ${more}` : why;
  if (applicability === 'always') return failed(`says it does not apply here (${shown(detail)}), but it must`, output);
  return { status: 'not-applicable', reason: 'environment', detail: shown(detail), output };
}

function compare(probe: ProbeDescriptor, output: { readonly [key: string]: Json }): Measurement {
  const expected = probe.expect as Json;
  const evaluated = evaluateExpectation(expected, output);
  if (!evaluated.ok) return failed(`expect: ${evaluated.reason}: ${evaluated.detail}`, output);
  const { isMet, mismatches } = evaluated.value;
  const claim = lookup(output, 'compliant');
  if (claim !== undefined && claim !== isMet) {
    return failed(`says compliant is ${shown(JSON.stringify(claim))}, and the expectation says ${isMet}`, output);
  }
  const observed = observedPart(expected, output);
  if (JSON.stringify(observed).length > observedCharactersMax) {
    return failed(`expected an observation of at most ${observedCharactersMax} characters`, output);
  }
  if (isMet) return { status: 'pass', expected, observed, output };
  const wrong = mismatches.map(
    ({ path, expected: wanted, observed: found }) =>
      `${path}: expected ${shown(JSON.stringify(wanted))}, got ${shown(JSON.stringify(found))}`,
  );
  return { status: 'fail', expected, observed, output, detail: wrong.join('; ').slice(0, 1000) };
}

function failed(detail: string, output: Json | null = null): Measurement {
  return { status: 'error', detail: detail.toWellFormed().slice(0, 1000).toWellFormed(), output };
}

function shown(text: string): string {
  return text.slice(0, shownCharactersMax).toWellFormed();
}
