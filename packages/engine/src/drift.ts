import type {
  ChannelPolicy,
  DriftPolicy,
  EventOf,
  HostPhaseName,
  HostState,
  StorePath,
  Withheld,
} from '@nixfleet/contracts';
import { complianceWithheld, hasLapsed, heldByCompliance } from './compliance-standing.ts';

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

/**
 * What the machine boots by itself, where that is neither what was confirmed last nor what a boot is waited for. Undefined: it
 * is right, or it is NixFleet that changes it now.
 */
export function strayDefault(
  { phase, confirmed, bootDefault: known }: HostState,
  found: StorePath | null | undefined,
): StorePath | undefined {
  if (!restingPhases.has(phase.name) || found === null || found === undefined) return known;
  const isAwaited = phase.name === 'deferred' && phase.target.closure === found;
  return confirmed === null || found === confirmed.closure || isAwaited ? undefined : found;
}

export function driftBody(
  expected: StorePath,
  running: StorePath | null,
  stray: StorePath | undefined,
): EventOf<'drift'>['body'] {
  return { expected, running, ...(stray !== undefined && { bootDefault: stray }) };
}

/**
 * The machine runs neither what was confirmed last nor `closure`, or boots something else by itself, and it was not NixFleet
 * that changed it; or null.
 */
export function driftFrom({ phase, running, confirmed, bootDefault }: HostState, closure: StorePath): Withheld | null {
  if (!restingPhases.has(phase.name) || confirmed === null) return null;
  if (running !== confirmed.closure && running !== closure) {
    return { code: 'drift', reason: `it runs ${running ?? 'nothing known'}` };
  }
  const isStray = bootDefault !== undefined && bootDefault !== confirmed.closure && bootDefault !== closure;
  return isStray ? { code: 'drift', reason: `it boots ${bootDefault}` } : null;
}

/**
 * Under `hold` nothing starts on a machine that was changed: somebody may be at work on it. Nor, by the policy of its
 * controls, where what passed before does not any more.
 */
export function heldByDrift(
  state: HostState,
  { closure, policy }: { readonly closure: StorePath; readonly policy: ChannelPolicy },
): Withheld | null {
  const drift = policy.drift === 'hold' ? driftFrom(state, closure) : null;
  if (drift || !restingPhases.has(state.phase.name)) return drift;
  return heldByCompliance(state, policy.compliance);
}

/**
 * What a converged host is shown with though it converged: it was changed outside NixFleet, or a control that is enforced
 * does not pass any more; and what policy says is to become of it. Null: neither.
 */
export function changeOf(
  state: HostState,
  { closure, policy }: { readonly closure: StorePath; readonly policy: ChannelPolicy },
): { readonly withheld: Withheld; readonly policy: DriftPolicy } | null {
  const drift = driftFrom(state, closure);
  if (drift) return { withheld: drift, policy: policy.drift ?? 'report' };
  const { mode, onDrift = 'report' } = policy.compliance;
  const lapsed = mode === 'enforce' && restingPhases.has(state.phase.name) ? complianceWithheld(state) : null;
  return lapsed && { withheld: lapsed, policy: onDrift };
}

/**
 * By the policy of its controls the closure that runs is switched to again. Once: from its activation on a pass is needed, and
 * without one it has failed.
 */
export function isToMend(state: HostState, { compliance: { mode, onDrift } }: ChannelPolicy): boolean {
  return mode === 'enforce' && onDrift === 'reactivate' && hasLapsed(state);
}

type Wanted = { readonly target: { readonly closure: StorePath }; readonly policy: ChannelPolicy };

/** Under `reactivate` what was changed outside NixFleet is put back. */
export function isToPutBack(state: HostState, { target, policy }: Wanted): boolean {
  return policy.drift === 'reactivate' && driftFrom(state, target.closure) !== null;
}

/** Under `reactivate` what the host holds already is switched to like a release, with a go, brakes and probes. */
export function isToReactivate(state: HostState, wanted: Wanted): boolean {
  const holds = state.phase.name === 'converged' || state.phase.name === 'soaking';
  if (!holds) return false;
  return isToPutBack(state, wanted) || isToMend(state, wanted.policy);
}
