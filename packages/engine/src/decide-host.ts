import type { Instant, Withheld } from '@nixfleet/contracts';
import type { Budgets } from './budget.ts';
import { decideDrifted } from './decide-drifted.ts';
import { decideReboot, isDeferred, type RebootOrder, rebootGates } from './decide-reboot.ts';
import { changeOf, heldByDrift } from './drift.ts';
import { Claim, type FetchPlaces } from './fetch-places.ts';
import { orderGates } from './host-order.ts';
import { isSwitching, phaseIn } from './host-progress.ts';
import { quarantineOf } from './host-state.ts';
import { isAtEntry, isOccupied } from './issued-go.ts';
import type { AgainstAll, HostDecision } from './planner-types.ts';
import { midSwitchPhases, reported, withReported } from './reported.ts';
import { selfHeld } from './self-held.ts';
import type { Survey, SurveyedHost } from './survey.ts';

const nothing: readonly Withheld[] = [];

export function decideHost({
  host,
  turn,
  onAll,
  wave,
  fetching,
  reboots,
  budgets,
  now,
}: {
  readonly host: SurveyedHost;
  readonly turn: Survey;
  readonly onAll: AgainstAll;
  readonly wave: Withheld | null;
  readonly fetching: FetchPlaces;
  readonly reboots: RebootOrder;
  readonly budgets: Budgets;
  readonly now: Instant;
}): HostDecision {
  const { entry, view, standing, name } = host;
  const { rolloutId } = turn;
  const withholding = (withheld: readonly Withheld[]): HostDecision => ({ rolloutId, entry, go: null, withheld });
  const offline: readonly Withheld[] = view?.isOnline ? nothing : [{ code: 'offline', names: [name] }];
  const own = reported(view, { rolloutId, hasFailed: standing === 'failed' }, now);
  if (standing === 'converged') {
    const { closure } = entry;
    const change = view?.fold ? changeOf(view.fold.state, { closure, policy: turn.manifest.policy }) : null;
    const at = phaseIn(view, rolloutId)?.name;
    // Before a switch to its closure again is armed, the host asks once more: its go has to stand until then.
    const mayGoOn = change !== null && (at === 'fetching' || change.withheld.code === 'drift');
    if (isSwitching(view) && at !== undefined && !mayGoOn) return withholding([...own, ...offline]);
    const converged = { host, turn, onAll, wave, reboots, budgets, now };
    if (change) return decideDrifted(converged, change);
    return decideReboot(converged) ?? withholding(offline);
  }
  switch (standing) {
    case 'failed':
      return withholding([...own, ...onAll.first, ...onAll.then]);
    case 'lost':
      return withholding(withReported([...onAll.first, ...onAll.then, ...offline], own));
    case 'unheard':
      return withholding([...onAll.first, { code: 'unheard-after-rebuild', names: [name] }, ...onAll.then]);
    default:
  }
  // In the midst of a switch nothing is to be started; a fetch may still be called back.
  const phase = view?.fold?.state.phase;
  if (phase && midSwitchPhases.has(phase.name)) return withholding(own);
  const gates = gatesAgainst({ host, turn, onAll, wave, now });
  const hasSlot = standing === 'in-flight' || isOccupied(view, now);
  const claim = new Claim({ host, name, rolloutId, trial: undefined, hasSlot }, { budgets, fetching });
  const full = gates.length === 0 ? claim.blocking() : null;
  if (full) gates.push(full);
  // An offline host takes no slot: it gets its go when it is back. One that was told already keeps it.
  if (gates.length === 0 && standing !== 'in-flight') gates.push(...offline);
  if (gates.length > 0) return withholding(withReported(gates, own));
  claim.take();
  const reboot = isDeferred(host, rolloutId) ? ({ reboot: true } as const) : {};
  return { rolloutId, entry, go: { rolloutId, wave: entry.wave, attempt: entry.attempt, ...reboot }, withheld: own };
}

function gatesAgainst({
  host,
  turn,
  onAll,
  wave,
  now,
}: {
  readonly host: SurveyedHost;
  readonly turn: Survey;
  readonly onAll: AgainstAll;
  readonly wave: Withheld | null;
  readonly now: Instant;
}): Withheld[] {
  const { name, entry, view } = host;
  const state = view?.fold?.state;
  const { policy } = turn.manifest;
  const withheld = [...onAll.first];
  const quarantine = state && quarantineOf(state, entry);
  if (quarantine) withheld.push({ code: 'quarantined', reason: quarantine.cause });
  withheld.push(...(isDeferred(host, turn.rolloutId) ? rebootGates(onAll.then, policy) : onAll.then));
  withheld.push(...orderGates(turn, name, wave));
  const mayReboot = policy.reboot !== 'never';
  const drift = state && heldByDrift(state, { closure: entry.closure, policy });
  if (drift) withheld.push(drift);
  const held = state && selfHeld(state, { rolloutId: turn.rolloutId, mayReboot, now });
  if (held && held.code !== drift?.code) withheld.push(held);
  // It converges by itself as soon as it has read the manifest; there is nothing to start.
  if (state && isAtEntry(state, { entry, manifest: turn.manifest })) {
    withheld.push(
      state.withheld?.code === 'failed' ? state.withheld : { code: 'in-progress', reason: 'runs it already' },
    );
  }
  return withheld;
}
