import type { ChannelPolicy, HostName, Instant, RolloutId, Withheld } from '@nixfleet/contracts';
import type { Budgets } from './budget.ts';
import { orderGates } from './host-order.ts';
import { isSwitching, phaseIn } from './host-progress.ts';
import { isOccupied } from './issued-go.ts';
import { namesMax } from './names.ts';
import type { AgainstAll, HostDecision } from './planner-types.ts';
import { selfHeld } from './self-held.ts';
import type { Survey, SurveyedHost } from './survey.ts';

/** A switch inhibitor: the host needs a boot to get at its target. */
export function isDeferred({ view }: SurveyedHost, rolloutId: RolloutId): boolean {
  return phaseIn(view, rolloutId)?.name === 'deferred';
}

/** Of the gates of a channel those that hold against a boot: `immediate` does not wait for a change window. */
export function rebootGates(gates: readonly Withheld[], { reboot }: ChannelPolicy): readonly Withheld[] {
  return reboot === 'immediate' ? gates.filter(({ code }) => code !== 'outside-window') : gates;
}

/** Which wave boots now for what waits for a boot: the first that is not done; null where nobody has to. */
export type RebootOrder = { readonly wave: number; readonly names: readonly HostName[] } | null;

export function rebootOrder({ manifest, hosts, rolloutId }: Survey): RebootOrder {
  if (manifest.policy.reboot === 'never') return null;
  // One that cannot be reached holds nobody up, unless it is away for its boot: the others boot when they are back.
  const booting = hosts.filter(({ standing, view }) => {
    if (standing !== 'converged' || !view) return false;
    if (isSwitching(view)) return phaseIn(view, rolloutId) !== null;
    return view.isOnline && view.fold?.state.rebootPending != null;
  });
  if (booting.length === 0) return null;
  const wave = Math.min(...booting.map(({ entry }) => entry.wave));
  return { wave, names: booting.filter(({ entry }) => entry.wave === wave).map(({ name }) => name) };
}

/** A host that has converged, in what is decided of it. */
export interface ConvergedHost {
  readonly host: SurveyedHost;
  readonly turn: Survey;
  readonly onAll: AgainstAll;
  /** What keeps its wave shut, or null. */
  readonly wave: Withheld | null;
  readonly reboots: RebootOrder;
  readonly budgets: Budgets;
  readonly now: Instant;
}

/**
 * For a host that has converged and in which something waits for a boot: whether it may boot now. Null where nothing
 * does. Once its wave is open, and among those that boot wave after wave; under brakes, halt, edges and budgets; the boot is
 * confirmed, soaked and counted like a switch.
 */
export function decideReboot({ host, turn, onAll, wave, reboots, budgets, now }: ConvergedHost): HostDecision | null {
  const { name, entry, view } = host;
  const { rolloutId, manifest } = turn;
  const state = view?.fold?.state;
  if (!view || !state || state.rebootPending === null) return null;
  const needed: Withheld = { code: 'reboot-needed', reason: state.rebootPending.component };
  const withholding = (gates: readonly Withheld[]): HostDecision => ({
    ...{ rolloutId, entry, go: null },
    withheld: [needed, ...gates],
  });
  const offline: readonly Withheld[] = view.isOnline ? [] : [{ code: 'offline', names: [name] }];
  if (manifest.policy.reboot === 'never') return withholding(offline);
  const gates: Withheld[] = [...onAll.first, ...rebootGates(onAll.then, manifest.policy)];
  gates.push(...orderGates(turn, name, wave));
  if (wave === null && reboots !== null && reboots.wave < entry.wave) {
    gates.push({ code: 'wave', reason: 'reboot', names: reboots.names.slice(0, namesMax) });
  }
  const held = selfHeld(state, { rolloutId, mayReboot: true, now });
  if (held) gates.push(held);
  const hasSlot = isOccupied(view, now);
  const budget = gates.length === 0 && !hasSlot ? budgets.blocking(name) : null;
  if (budget) gates.push(budget);
  if (gates.length > 0 || !view.isOnline) return withholding([...gates, ...offline]);
  if (!hasSlot) budgets.take(name);
  return {
    rolloutId,
    entry,
    go: { rolloutId, wave: entry.wave, attempt: entry.attempt, reboot: true },
    withheld: [needed],
  };
}
