import type { Instant, RolloutView } from '@nixfleet/contracts';
import { printable } from '../printable.ts';
import { emergencyLine } from './emergency-line.ts';
import { renderFacts } from './facts.ts';
import { rolloutColours } from './health-colour.ts';
import { openWaveLabel, type PageStyle, waveLabel } from './status-page.ts';
import { renderTable } from './table.ts';
import { withheldSentence } from './withheld-sentence.ts';

/** What each state means for whoever looks at it. */
const stateSentences: Readonly<Record<RolloutView['state'], string>> = {
  waiting: 'Nothing has started yet.',
  active: 'It is under way.',
  converged: 'Every host that could be reached runs it.',
  halted: 'Nothing more starts on the channel: a newer release, or a higher attempt of this one, goes on.',
  reverted:
    'Halted, and every host that failed is back on what it ran before: a newer release, or a higher attempt, goes on.',
  superseded: 'A newer release has taken its place.',
};

/** Everything `nixfleet rollout show` shows, one line each. */
export function rolloutPage(rollout: RolloutView, now: Instant, style: PageStyle): string[] {
  const { paint } = style;
  const facts: [string, string][] = [
    ['rollout', printable(rollout.displayName)],
    ['id', rollout.rolloutId],
    ['channel', rollout.channel],
    ['introduced', `in release ${rollout.introducedIn}`],
    ['state', `${paint(rolloutColours[rollout.state], rollout.state)}. ${stateSentences[rollout.state]}`],
    ['wave', openWaveLabel(rollout)],
    ['hosts', `${rollout.converged} of ${rollout.hosts} converged, ${rollout.failed} failed`],
    ...absentFacts(rollout),
  ];
  if (rollout.emergency) facts.push(['emergency', emergencyLine(rollout.emergency, now)]);
  for (const entry of rollout.withheld) facts.push(['withheld', withheldSentence(entry, now)]);
  const rows = rollout.hostStates.map(({ name, wave, phase, converged, withheld }) => [
    waveLabel(wave),
    name,
    { text: printable(phase), colour: converged ? ('green' as const) : ('yellow' as const) },
    withheld.map((entry) => withheldSentence(entry, now)).join(' '),
  ]);
  return [
    ...renderFacts(facts, paint),
    '',
    ...renderTable({ headings: ['WAVE', 'HOST', 'PHASE', 'WHY'], rows }, style),
  ];
}

/** Who is not there by name, and who is being or was caught up: hosts of an earlier wave than the open one, back again. */
function absentFacts({ leftBehind, hostStates, wave: open }: RolloutView): [string, string][] {
  const facts: [string, string][] = [];
  const offline = hostStates.filter(({ withheld }) => withheld.some(({ code }) => code === 'offline'));
  if (offline.length > 0) facts.push(['offline', offline.map(({ name }) => name).join(', ')]);
  if (leftBehind.length > 0) {
    facts.push(['left behind', `${leftBehind.join(', ')}: its wave went on, and it is caught up when it returns`]);
  }
  const isGivenUp = (phase: string): boolean => ['failed', 'reverted', 'reverting'].includes(phase);
  const catchingUp = hostStates.filter(
    ({ name, wave, converged, phase }) =>
      open !== null && wave < open && !converged && !isGivenUp(phase) && !leftBehind.includes(name),
  );
  if (catchingUp.length > 0) facts.push(['catching up', catchingUp.map(({ name }) => name).join(', ')]);
  const late = caughtUp(hostStates);
  if (late.length > 0) facts.push(['caught up', `${late.join(', ')}: its wave had gone on without it`]);
  return facts;
}

/** Hosts that converged after one of a later wave had: by then their own wave had been left behind them. */
function caughtUp(hostStates: RolloutView['hostStates']): readonly string[] {
  return hostStates
    .filter(({ wave, convergedAt }) =>
      hostStates.some(
        (other) => other.wave > wave && other.convergedAt !== undefined && other.convergedAt < (convergedAt ?? ''),
      ),
    )
    .map(({ name }) => name);
}
