import { fileSystem, readLocalHold } from '@nixfleet/agent';
import { type Instant, msToInstant } from '@nixfleet/contracts';
import { describeWithheld } from '@nixfleet/engine';
import { loadAgentConfig } from '../agent/load-agent-config.ts';
import { type JournalState, readAgentJournal } from '../agent/read-journal.ts';
import type { CommandContext } from '../command-context.ts';
import type { ExitCode } from '../command-definition.ts';
import type { CommandValues } from '../command-values.ts';
import { printable } from '../printable.ts';
import { renderFacts } from '../render/facts.ts';
import { probeTable, stateFacts } from '../render/host-page.ts';
import { phaseLabel, phaseSince } from '../render/phase-label.ts';
import { timeAgo } from '../render/time-ago.ts';

export async function run(context: CommandContext, values: CommandValues): Promise<ExitCode> {
  const { terminal, clock } = context;
  const { host, stateDirectory } = await loadAgentConfig(context, values);
  const now = msToInstant(clock.now());
  const journal = await readAgentJournal(stateDirectory);
  const localHold = await readLocalHold(fileSystem, stateDirectory, now);
  if (values.flag('json')) {
    terminal.result(JSON.stringify({ host, ...journal, localHold }, null, 2));
    return 0;
  }
  const facts: [string, string][] = [['host', host], ...journalFacts(journal, now)];
  if (localHold)
    facts.push([
      'held',
      `until ${localHold.until} (${timeAgo(localHold.until, now)}) — ${printable(localHold.reason)}`,
    ]);
  facts.push(...stateFacts({ state: { ...journal.state, localHold: null }, name: host }, now));
  for (const line of renderFacts(facts, terminal.paint)) terminal.result(line);
  for (const line of probeTable(journal.state, now, terminal)) terminal.result(line);
  return 0;
}

function journalFacts({ state, position, lastEventAt }: JournalState, now: Instant): [string, string][] {
  const { phase, running, withheld, rebootPending } = state;
  const since = phaseSince(phase);
  const facts: [string, string][] = [
    ['phase', phaseLabel(phase) + (since ? `, ${timeAgo(since, now)}` : '')],
    ['running', running ?? '-'],
  ];
  if ('target' in phase && phase.target.closure !== running) facts.push(['target', phase.target.closure]);
  if (withheld) facts.push(['withheld', printable(describeWithheld(withheld))]);
  if (rebootPending) facts.push(['reboot', `pending for ${printable(rebootPending.component)}`]);
  const journal = position ? `${position.journal}, ${position.seq} events, the last at ${lastEventAt}` : 'nothing yet';
  return [...facts, ['journal', journal]];
}
