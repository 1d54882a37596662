import type { ChannelPolicy, HostPhaseName, HostState, StorePath, Withheld } from '@nixfleet/contracts';

/** Where it is not NixFleet that changes the machine. */
const restingPhases: ReadonlySet<HostPhaseName> = new Set([
  'pending',
  'fetching',
  'soaking',
  'converged',
  'refused',
  'deferred',
  'reverted',
]);

/** The machine runs neither what was confirmed last nor `closure`, and it was not NixFleet that changed it; or null. */
export function driftFrom({ phase, running, confirmed }: HostState, closure: StorePath): Withheld | null {
  if (!restingPhases.has(phase.name) || confirmed === null) return null;
  if (running === confirmed.closure || running === closure) return null;
  return { code: 'drift', reason: `it runs ${running ?? 'nothing known'}` };
}

/** Under `hold` nothing starts on a machine that was changed: somebody may be at work on it. */
export function heldByDrift(
  state: HostState,
  { closure, policy }: { readonly closure: StorePath; readonly policy: ChannelPolicy },
): Withheld | null {
  return policy.drift === 'hold' ? driftFrom(state, closure) : null;
}

/** Under `reactivate` what the host holds already is switched to like a release, with a go, brakes and probes. */
export function isToReactivate(
  state: HostState,
  { target, policy }: { readonly target: { readonly closure: StorePath }; readonly policy: ChannelPolicy },
): boolean {
  const holds = state.phase.name === 'converged' || state.phase.name === 'soaking';
  return policy.drift === 'reactivate' && holds && driftFrom(state, target.closure) !== null;
}
