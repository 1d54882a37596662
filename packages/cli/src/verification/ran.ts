import type { HostName, HostState, Instant, RolloutId, StorePath, VerifiedEvent } from '@nixfleet/contracts';
import { applyEvent, initialHostState } from '@nixfleet/engine';

/** What one host ran, from one change to the next, as its own signed events say. */
export interface RanPeriod {
  readonly host: HostName;
  readonly from: Instant;
  /** Null: still running at the journal's end. */
  readonly to: Instant | null;
  readonly running: StorePath | null;
  /** The rollout that brought it; null where the journal does not say. */
  readonly rolloutId: RolloutId | null;
}

/** Periods in order. Two neighbours that run the same closure are one. */
export function ranPeriods(events: readonly VerifiedEvent[]): RanPeriod[] {
  const periods: { -readonly [Key in keyof RanPeriod]: RanPeriod[Key] }[] = [];
  let state = initialHostState;
  for (const { event } of events) {
    state = applyEvent(state, event);
    const last = periods.at(-1);
    if (last?.running === state.running) {
      last.rolloutId ??= rolloutOf(state);
      continue;
    }
    if (last) last.to = event.at;
    if (!last && state.running === null) continue;
    const rolloutId = rolloutOf(state);
    periods.push({ host: event.host, from: event.at, to: null, running: state.running, rolloutId });
  }
  return periods;
}

/** The rollout under way; after a revert, the one that brought what was confirmed before. */
function rolloutOf({ phase, running, confirmed }: HostState): RolloutId | null {
  if ('target' in phase && phase.target.closure === running) return phase.target.rolloutId;
  return confirmed?.closure === running ? confirmed.rolloutId : null;
}

/** Periods that overlap the span from `since` up to and including `until`; null leaves that side open. */
export function periodsWithin(
  periods: readonly RanPeriod[],
  { since, until }: { readonly since: Instant | null; readonly until: Instant | null },
): RanPeriod[] {
  return periods.filter(
    ({ from, to }) => (until === null || from <= until) && (since === null || to === null || to > since),
  );
}

/** What may run from one event of a journal up to the next. */
export interface ClosureSpan {
  readonly from: Instant;
  /** What its host says that it runs, and what a switch under way brings or goes back to; null where it does not say. */
  readonly closures: readonly StorePath[] | null;
}

/** Spans in order, from the first event on; the last has no end. Two neighbours that allow the same are one. */
export function closureSpans(events: readonly VerifiedEvent[]): ClosureSpan[] {
  const spans: ClosureSpan[] = [];
  let state = initialHostState;
  for (const { event } of events) {
    state = applyEvent(state, event);
    const closures = closuresOf(state);
    const last = spans.at(-1);
    if (last && last.closures?.join() === closures?.join()) continue;
    // A clock that was set right does not make a span begin before the one ahead of it.
    const from = last && last.from > event.at ? last.from : event.at;
    spans.push({ from, closures });
  }
  return spans;
}

function closuresOf({ running, phase }: HostState): readonly StorePath[] | null {
  if (running === null) return null;
  const closures = new Set([running]);
  if ('target' in phase) closures.add(phase.target.closure);
  if ('revertTo' in phase && phase.revertTo !== null) closures.add(phase.revertTo);
  if ('to' in phase) closures.add(phase.to);
  return [...closures].sort();
}
