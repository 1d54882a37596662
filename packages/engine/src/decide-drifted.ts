import type { DriftPolicy, Withheld } from '@nixfleet/contracts';
import { type ConvergedHost, decideReboot } from './decide-reboot.ts';
import { orderGates } from './host-order.ts';
import { quarantineOf } from './host-state.ts';
import { isOccupied } from './issued-go.ts';
import type { HostDecision } from './planner-types.ts';
import { selfHeld } from './self-held.ts';

/**
 * For a host that has converged and was changed outside NixFleet since, or whose controls do not pass any more. Under
 * `reactivate` it may switch to its closure again: under the gates of any switch, and counted like one.
 */
export function decideDrifted(
  converged: ConvergedHost,
  { withheld: drift, policy }: { readonly withheld: Withheld; readonly policy: DriftPolicy },
): HostDecision {
  const { host, turn, onAll, wave, budgets, now } = converged;
  const { name, entry, view } = host;
  const { rolloutId } = turn;
  const state = view?.fold?.state;
  const offline: readonly Withheld[] = view?.isOnline ? [] : [{ code: 'offline', names: [name] }];
  const withholding = (gates: readonly Withheld[]): HostDecision => ({
    ...{ rolloutId, entry, go: null },
    withheld: [drift, ...gates],
  });
  if (!view || !state || policy === 'hold') return withholding(offline);
  if (policy !== 'reactivate') {
    const boot = decideReboot(converged);
    return boot === null ? withholding(offline) : { ...boot, withheld: [drift, ...boot.withheld] };
  }
  const gates: Withheld[] = [...onAll.first];
  const quarantine = quarantineOf(state, entry);
  if (quarantine) gates.push({ code: 'quarantined', reason: quarantine.cause });
  gates.push(...onAll.then, ...orderGates(turn, name, wave));
  const held = selfHeld(state, { rolloutId, mayReboot: true, now });
  if (held && held.code !== drift.code) gates.push(held);
  const hasSlot = isOccupied(view, now);
  const budget = gates.length === 0 && !hasSlot ? budgets.blocking(name) : null;
  if (budget) gates.push(budget);
  if (gates.length > 0 || !view.isOnline) return withholding([...gates, ...offline]);
  if (!hasSlot) budgets.take(name);
  return { rolloutId, entry, go: { rolloutId, wave: entry.wave, attempt: entry.attempt }, withheld: [drift] };
}
