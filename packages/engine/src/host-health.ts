import type { HostHealth } from '@nixfleet/contracts';
import { hasFailingProbe } from './host-state.ts';
import type { HostDecision, HostView } from './planner-types.ts';

/** One word for people. A host that is not heard, or offline, is never `converged`. */
export function hostHealth(view: HostView | undefined, decision: HostDecision | undefined): HostHealth {
  if (!view?.fold) return 'unheard';
  if (!view.isOnline) return 'offline';
  const { state } = view.fold;
  const { phase } = state;
  if (phase.name === 'failed' || (phase.name === 'reverted' && phase.cause === 'failed')) return 'failed';
  if (hasFailingProbe(state)) return 'failed';
  switch (phase.name) {
    case 'fetching':
    case 'activating':
    case 'rebooting':
    case 'trying':
    case 'confirming':
    case 'soaking':
    case 'reverting':
    case 'unconfirmed':
      return 'updating';
    default:
      return isConverged(view, decision) ? 'converged' : 'waiting';
  }
}

function isConverged(view: HostView, decision: HostDecision | undefined): boolean {
  const state = view.fold?.state;
  if (!decision?.entry || decision.rolloutId === null || !state) return false;
  const hasConverged = view.fold?.outcomes.get(decision.rolloutId)?.converged === true;
  return hasConverged && state.running === decision.entry.closure;
}
