import type { HostPhaseName, HostState, Instant, RolloutId, Withheld } from '@nixfleet/contracts';
import type { HostView } from './planner-types.ts';
import { refusalOf } from './self-held.ts';

const nothing: readonly Withheld[] = [];

/** Nothing is to be started in the midst of these. */
export const midSwitchPhases: ReadonlySet<HostPhaseName> = new Set([
  'activating',
  'rebooting',
  'confirming',
  'trying',
  'reverting',
]);

/** What the host's own journal says it is at; shown, and no reason to keep a go back. */
export function reported(
  view: HostView | undefined,
  { rolloutId, hasFailed }: { readonly rolloutId: RolloutId; readonly hasFailed: boolean },
  now: Instant,
): readonly Withheld[] {
  const state = view?.fold?.state;
  if (!state) return nothing;
  const { phase } = state;
  // What it told before may have ended since, and the host be at it already: its word of that may be on its way.
  const withheld = state.withheld?.until !== undefined && state.withheld.until <= now ? null : state.withheld;
  if (!('target' in phase) || phase.target.rolloutId !== rolloutId) {
    if (midSwitchPhases.has(phase.name) && 'target' in phase) {
      return [{ code: 'in-progress', reason: phase.name, names: [phase.target.rolloutId] }];
    }
    if (hasFailed) return [failureIn(state, rolloutId)];
    return withheld === null ? nothing : [withheld];
  }
  switch (phase.name) {
    case 'soaking':
      return [now < phase.soakUntil ? { code: 'soak', until: phase.soakUntil } : { code: 'soak' }];
    case 'refused':
      return [refusalOf(phase, now)];
    case 'failed':
      return [{ code: 'failed', reason: phase.cause }];
    case 'activating':
    case 'rebooting':
    case 'confirming':
      return [{ code: 'in-progress', reason: phase.name, ...(now < phase.deadline && { until: phase.deadline }) }];
    case 'trying':
      return [{ code: 'trial', until: phase.deadline }];
    case 'fetching':
    case 'reverting':
    case 'unconfirmed':
      return [{ code: 'in-progress', reason: phase.name }];
    default:
      if (hasFailed) return [failureIn(state, rolloutId)];
      return withheld === null ? nothing : [withheld];
  }
}

/** A host that went back has left the phase that told the cause, and its quarantine keeps it. */
function failureIn({ quarantine }: HostState, rolloutId: RolloutId): Withheld {
  const cause = quarantine.findLast((entry) => entry.rolloutId === rolloutId)?.cause;
  return { code: 'failed', ...(cause && { reason: cause }) };
}

/** What the planner says, and of the host's word what that leaves unsaid: a brake that both know of stands once. */
export function withReported(gates: readonly Withheld[], own: readonly Withheld[]): readonly Withheld[] {
  return [...gates, ...own.filter((told) => !gates.some(({ code }) => code === told.code))];
}
