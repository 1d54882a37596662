import type { Instant, RolloutView } from '@nixfleet/contracts';
import { printable } from '../printable.ts';
import { renderFacts } from './facts.ts';
import { rolloutColours } from './health-colour.ts';
import { openWaveLabel, type PageStyle, waveLabel } from './status-page.ts';
import { renderTable } from './table.ts';
import { withheldLabel } from './withheld-label.ts';

/** Everything `nixfleet rollout show` shows, one line each. */
export function rolloutPage(rollout: RolloutView, now: Instant, style: PageStyle): string[] {
  const { paint } = style;
  const facts: [string, string][] = [
    ['rollout', printable(rollout.displayName)],
    ['id', rollout.rolloutId],
    ['channel', rollout.channel],
    ['introduced', `in release ${rollout.introducedIn}`],
    ['state', paint(rolloutColours[rollout.state], rollout.state)],
    ['wave', openWaveLabel(rollout)],
    ['hosts', `${rollout.converged} of ${rollout.hosts} converged, ${rollout.failed} failed`],
  ];
  if (rollout.leftBehind.length > 0) facts.push(['left behind', rollout.leftBehind.join(', ')]);
  for (const entry of rollout.withheld) facts.push(['withheld', withheldLabel(entry, now)]);
  const rows = rollout.hostStates.map(({ name, wave, phase, converged, withheld }) => [
    waveLabel(wave),
    name,
    { text: printable(phase), colour: converged ? ('green' as const) : ('yellow' as const) },
    withheld.map((entry) => withheldLabel(entry, now)).join('; '),
  ]);
  return [
    ...renderFacts(facts, paint),
    '',
    ...renderTable({ headings: ['WAVE', 'HOST', 'PHASE', 'WHY'], rows }, style),
  ];
}
