import {
  type HostName,
  type Instant,
  lookup,
  type ManifestHost,
  type RolloutManifest,
  type Trial,
  trialsAt,
  type Withheld,
  type WithheldCode,
} from '@nixfleet/contracts';
import type { Budgets } from './budget.ts';
import { Claim, type FetchPlaces } from './fetch-places.ts';
import { isSwitching, phaseIn } from './host-progress.ts';
import { quarantineOf } from './host-state.ts';
import { isOccupied } from './issued-go.ts';
import type { AgainstAll, HostDecision, PlannerRelease, PlannerViews } from './planner-types.ts';
import { reported, withReported } from './reported.ts';
import { selfHeld } from './self-held.ts';
import type { Survey, SurveyedHost } from './survey.ts';

/** A trial that the release names, that has not run out, and that is not over at its host. */
export interface ActiveTrial extends Trial {
  readonly manifest: RolloutManifest;
  readonly entry: ManifestHost;
}

export function activeTrials(
  { document, fleet, manifests }: PlannerRelease,
  { hosts }: PlannerViews,
  now: Instant,
): ReadonlyMap<HostName, ActiveTrial> {
  const active = new Map<HostName, ActiveTrial>();
  for (const [host, trial] of trialsAt(document, now)) {
    const manifest = manifests.get(trial.rolloutId);
    const entry = manifest && lookup(manifest.hosts, host);
    if (!manifest || !entry || lookup(fleet.hosts, host)?.channel !== manifest.channel) continue;
    if (hosts.get(host)?.fold?.state.trialEnded === trial.rolloutId) continue;
    active.set(host, { ...trial, manifest, entry });
  }
  return active;
}

/** Order among rollouts is none of a trial's concern. */
const rolloutCodes: ReadonlySet<WithheldCode> = new Set(['halted', 'channel-edge']);

/** Whether a host may begin its trial: under every brake and budget of its channel, and from rest. */
export function decideTrial({
  host,
  turn,
  trial,
  onAll,
  fetching,
  budgets,
  now,
}: {
  readonly host: SurveyedHost;
  readonly turn: Survey;
  readonly trial: ActiveTrial;
  readonly onAll: AgainstAll;
  readonly fetching: FetchPlaces;
  readonly budgets: Budgets;
  readonly now: Instant;
}): HostDecision {
  const { name, view } = host;
  const { rolloutId, entry } = trial;
  const own = reported(view, { rolloutId, hasFailed: false }, now);
  const state = view?.fold?.state;
  const phase = phaseIn(view, rolloutId);
  const gates = [...onAll.first, ...onAll.then].filter(({ code }) => !rolloutCodes.has(code));
  const isUnderWay = phase !== null && isSwitching(view) && phase.name !== 'fetching';
  // Until the host itself tells of it, nothing else would say that its target is one for a while.
  const ahead: Withheld = { code: 'trial', reason: 'not begun yet', until: trial.expiresAt };
  const withholding = (withheld: readonly Withheld[]): HostDecision => ({
    ...{ rolloutId, entry, go: null },
    withheld: isUnderWay ? withheld : [...withheld, ahead],
  });
  if (!view || !state || !view.isReplayed)
    return withholding([...gates, { code: 'unheard-after-rebuild', names: [name] }]);
  const offline: readonly Withheld[] = view.isOnline ? [] : [{ code: 'offline', names: [name] }];
  // Whatever else it is in the midst of comes to its end first.
  if (isUnderWay || (phase === null && isSwitching(view))) return withholding([...own, ...offline]);
  const quarantine = quarantineOf(state, entry);
  if (quarantine) gates.push({ code: 'quarantined', reason: quarantine.cause });
  const held = selfHeld(state, { rolloutId, mayReboot: false, now });
  if (held) gates.push(held);
  const hasSlot = isOccupied(view, now);
  const claim = new Claim({ host, name, rolloutId: turn.rolloutId, trial, hasSlot }, { budgets, fetching });
  const full = gates.length === 0 ? claim.blocking() : null;
  if (full) gates.push(full);
  if (gates.length > 0 || !view.isOnline) return withholding(withReported([...gates, ...offline], own));
  claim.take();
  const go = { rolloutId, wave: entry.wave, attempt: entry.attempt };
  return { rolloutId, entry, go, withheld: [...own, ahead] };
}
