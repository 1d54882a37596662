import { entriesOf, type HostState, type HostView, type Instant } from '@nixfleet/contracts';
import { printable } from '../printable.ts';
import { closureLabel } from './closure-label.ts';
import { renderFacts } from './facts.ts';
import { healthColours } from './health-colour.ts';
import { phaseLabel, phaseSince } from './phase-label.ts';
import { type PageStyle, waveLabel } from './status-page.ts';
import { renderTable } from './table.ts';
import { timeAgo } from './time-ago.ts';
import { withheldSentence } from './withheld-sentence.ts';

/** Everything `nixfleet host show` shows, one line each. */
export function hostPage(host: HostView, now: Instant, style: PageStyle): string[] {
  const { paint } = style;
  const since = phaseSince(host.phase);
  const facts: [string, string][] = [
    ['host', host.name],
    ['channel', `${host.channel}, wave ${waveLabel(host.wave)}`],
    ['tags', host.tags.map(printable).join(', ') || '-'],
    ['health', paint(healthColours[host.health], host.health)],
    ['phase', phaseLabel(host.phase) + (since ? `, ${timeAgo(since, now)}` : '')],
    ['running', host.running ?? '-'],
    ['target', host.target ?? '-'],
    [
      'last seen',
      `${host.lastSeenAt ? timeAgo(host.lastSeenAt, now) : 'never'}${host.online ? ', online' : ', OFFLINE'}`,
    ],
    ['agent', host.agentVersion === null ? '-' : printable(host.agentVersion)],
    ['journal', host.journal ? `${host.journal.journal}, ${host.journal.seq} events` : '-'],
  ];
  facts.push(...stateFacts(host, now));
  if (host.rebootPending) facts.push(['reboot', 'pending']);
  for (const entry of host.withheld) facts.push(['withheld', withheldSentence(entry, now)]);
  return [...renderFacts(facts, paint), ...probeTable(host.state, now, style)];
}

/** An empty line and the probes; nothing where there are none. */
export function probeTable(state: HostState | null, now: Instant, style: PageStyle): string[] {
  const probes = entriesOf(state?.probes ?? {});
  if (probes.length === 0) return [];
  const rows = probes.map(([name, probe]) => [
    name,
    { text: probe.status, colour: probe.status === 'pass' ? ('green' as const) : ('red' as const) },
    probe.mode,
    timeAgo(probe.at, now),
    String(probe.consecutiveFailures),
    printable(probe.detail ?? ''),
  ]);
  const headings = ['PROBE', 'STATUS', 'MODE', 'SINCE', 'FAILURES IN A ROW', 'DETAIL'];
  return ['', ...renderTable({ headings, rows }, style)];
}

export function stateFacts({ state, name }: Pick<HostView, 'state' | 'name'>, now: Instant): [string, string][] {
  if (!state) return [];
  const { confirmed, retry, localHold, quarantine } = state;
  const facts: [string, string][] = [];
  if (confirmed) facts.push(['confirmed', `${confirmed.closure}, ${timeAgo(confirmed.at, now)}`]);
  for (const entry of quarantine) {
    const what = `${closureLabel(entry.closure, name)} at attempt ${entry.attempt}`;
    facts.push(['quarantined', `${what} (${entry.cause}), ${timeAgo(entry.at, now)}`]);
  }
  if (retry)
    facts.push(['retries', `${retry.count}, next not before ${retry.notBefore} (${timeAgo(retry.notBefore, now)})`]);
  if (localHold) facts.push(['held locally', `until ${localHold.until} — ${printable(localHold.reason)}`]);
  const floors = [
    state.trust && `trust ${state.trust.version}`,
    state.release && `release ${state.release.version}`,
    state.head && `head ${state.head.version}`,
  ].filter((floor) => floor !== null);
  facts.push(['accepted', floors.join(', ') || 'nothing yet']);
  return facts;
}
