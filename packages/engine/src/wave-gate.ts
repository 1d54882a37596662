import { type Instant, receiptsOf, type Withheld } from '@nixfleet/contracts';
import { complianceOf } from './compliance-standing.ts';
import { phaseIn } from './host-progress.ts';
import { namesOf } from './names.ts';
import { excusedAt, type Survey, type SurveyedHost, type SurveyedWave } from './survey.ts';

/**
 * What keeps each wave of a rollout shut: null for the waves that are open. Wave n opens when every earlier wave has
 * converged as its `promoteWhen` demands, with as many host-signed events as the agents will ask for.
 */
export function waveGates(
  survey: Survey,
  { heldForUnheard, now }: { readonly heldForUnheard: boolean; readonly now: Instant },
): (Withheld | null)[] {
  const gates: (Withheld | null)[] = [];
  let shut: Withheld | null = null;
  for (const [index, wave] of survey.waves.entries()) {
    gates.push(shut);
    shut ??= waitFor({ survey, wave, index, heldForUnheard, now });
  }
  return gates;
}

function waitFor({
  survey,
  wave,
  index,
  heldForUnheard,
  now,
}: {
  readonly survey: Survey;
  readonly wave: SurveyedWave;
  readonly index: number;
  readonly heldForUnheard: boolean;
  readonly now: Instant;
}): Withheld | null {
  const unheard = wave.hosts.filter(({ standing }) => standing === 'unheard');
  if (heldForUnheard && unheard.length > 0) return { code: 'unheard-after-rebuild', names: namesOf(unheard) };
  const { convergedPercent } = survey.manifest.waves[index]?.promoteWhen ?? { convergedPercent: 100 };
  const reachable = wave.hosts.length - wave.excused;
  const wantedOf = (hosts: number): number => Math.ceil((convergedPercent * hosts) / 100);
  const wanted = wantedOf(reachable);
  const receipts = receiptsOf(survey.manifest, index, wave.declared);
  const need = Math.max(wanted, receipts);
  if (wave.converged >= need) return complianceGate(survey, wave);
  const open = wave.hosts.filter(({ standing }) => standing !== 'converged');
  const soakUntil = lastSoak(survey, wave);
  const waiting = { names: namesOf(open), have: wave.converged, need };
  // Past its soak a host still waits for a passing probe, which has no instant.
  if (soakUntil && now < soakUntil) return { code: 'soak', until: soakUntil, ...waiting };
  if (receipts > wanted) return { code: 'wave', ...waiting, reason: 'receipts' };
  const graces = open.flatMap((host) => excusedAt(host, survey) ?? []).sort();
  const until = graces.find((_, left) => wave.converged >= Math.max(wantedOf(reachable - left - 1), receipts));
  return { code: 'wave', ...(until && { until }), ...waiting };
}

/**
 * The last gate of a wave (compliance.md §7): an enforced control that fails on any of its hosts, or a host that converged
 * and has no pass to show for the closure, keeps the next one shut.
 */
function complianceGate({ manifest, rolloutId }: Survey, wave: SurveyedWave): Withheld | null {
  if (manifest.policy.compliance.mode !== 'enforce') return null;
  const against: { readonly host: SurveyedHost; readonly problems: readonly string[] }[] = [];
  for (const host of wave.hosts) {
    const state = host.view?.fold?.state;
    const hasConverged = host.standing === 'converged';
    const problems = state && complianceOf(state, { entry: host.entry, rolloutId, hasConverged });
    if (problems) against.push({ host, problems });
  }
  if (against.length === 0) return null;
  const reason = [...new Set(against.flatMap(({ problems }) => problems))].sort().join(', ').slice(0, 1000);
  const have = wave.hosts.length - against.length;
  return { code: 'compliance', names: namesOf(against.map(({ host }) => host)), have, need: wave.hosts.length, reason };
}

/** When the last soaking host of the wave will have soaked, if nothing but soaking is left. */
function lastSoak({ rolloutId }: Survey, wave: SurveyedWave): Instant | null {
  let last: Instant | null = null;
  for (const { view, standing } of wave.hosts) {
    if (standing === 'converged' || standing === 'excused') continue;
    const phase = phaseIn(view, rolloutId);
    if (phase?.name !== 'soaking') return null;
    if (last === null || last < phase.soakUntil) last = phase.soakUntil;
  }
  return last;
}
