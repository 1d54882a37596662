import type { FleetView, HostSummary, Instant, RolloutSummary } from '@nixfleet/contracts';
import { printable } from '../printable.ts';
import { closureLabel } from './closure-label.ts';
import { emergencyLine } from './emergency-line.ts';
import { healthColours, rolloutColours } from './health-colour.ts';
import type { Paint } from './paint.ts';
import { phaseLabel, phaseSince } from './phase-label.ts';
import { plural } from './plural.ts';
import { renderTable } from './table.ts';
import { span, timeAgo } from './time-ago.ts';
import { withheldLabel } from './withheld-label.ts';

export interface PageStyle {
  readonly paint: Paint;
  /** Width to fit tables into; null for whole lines. */
  readonly columns: number | null;
}

/** Digits of a hash that people see. */
export const shortHashDigits = 8;

/** Everything `nixfleet status` shows, one line each. Spans are counted from the control plane's own `now`. */
export function statusPage(view: FleetView, style: PageStyle): string[] {
  const lines = [...summary(view, style)];
  if (view.hosts.length > 0) lines.push('', ...hostTable(view.hosts, view.now, style));
  if (view.rollouts.length > 0) lines.push('', ...rolloutTable(view.rollouts, view.now, style));
  if (view.unknownKeys.length > 0) lines.push('', ...unknownKeyTable(view, style));
  return lines;
}

function summary(view: FleetView, { paint }: PageStyle) {
  const { fleet, now, release, head, trustVersion, rebuilding, emergency, problems } = view;
  const parts = [
    release
      ? `release ${release.version} of commit ${printable(release.commit).slice(0, shortHashDigits)}, ${timeAgo(release.createdAt, now)}`
      : 'no release yet',
    headLabel(head, now),
    `trust ${trustVersion}`,
  ];
  const lines = [`${paint('bold', printable(fleet))}: ${parts.join('; ')}`];
  if (emergency) lines.push(paint('yellow', `emergency: ${emergencyLine(emergency, now)}`));
  if (rebuilding) {
    const unheard = rebuilding.unheard.length === 0 ? '' : `; not heard yet: ${rebuilding.unheard.join(', ')}`;
    lines.push(paint('yellow', `rebuilding: nothing is dispatched, ends ${timeAgo(rebuilding.until, now)}${unheard}`));
  }
  for (const problem of problems) lines.push(paint('red', `problem: ${printable(problem)}`));
  return lines;
}

function headLabel(head: FleetView['head'], now: Instant): string {
  if (!head) return 'no head';
  if (head.expiresAt <= now) return `head ${head.version} EXPIRED ${timeAgo(head.expiresAt, now)}`;
  return `head ${head.version} valid for ${span((Date.parse(head.expiresAt) - Date.parse(now)) / 1000)}`;
}

export function hostTable(hosts: readonly HostSummary[], now: Instant, style: PageStyle): string[] {
  const rows = hosts.map((host) => [
    host.name,
    host.channel,
    waveLabel(host.wave),
    { text: host.health, colour: healthColours[host.health] },
    closureLabel(host.running, host.name),
    host.target !== null && host.target === host.running ? 'same' : closureLabel(host.target, host.name),
    sinceLabel(host, now),
    whyLabel(host, now),
  ]);
  const headings = ['HOST', 'CHANNEL', 'WAVE', 'HEALTH', 'RUNNING', 'TARGET', 'SINCE', 'WHY'];
  return renderTable({ headings, rows }, style);
}

/** Waves are counted from 0 in documents and JSON; so they are here, or nobody could compare the two. */
export function waveLabel(wave: number | null): string {
  return wave === null ? '-' : String(wave);
}

/** How long it has been so: in its phase, or, for a host that is not heard, since it was last seen. */
function sinceLabel({ online, lastSeenAt, phase }: HostSummary, now: Instant): string {
  const since = online ? phaseSince(phase) : lastSeenAt;
  return since === null ? '-' : timeAgo(since, now);
}

/** The first thing that withholds, then what else an operator should know. */
export function whyLabel({ health, phase, withheld, rebootPending }: HostSummary, now: Instant): string {
  const parts: string[] = [];
  const [first] = withheld;
  if (first) parts.push(withheldLabel(first, now));
  else if (health !== 'converged') parts.push(phaseLabel(phase));
  if (withheld.length > 1) parts.push(`and ${plural(withheld.length - 1, 'more reason')}`);
  if (rebootPending) parts.push('reboot pending');
  return parts.filter((part) => part !== '-').join('; ');
}

export function rolloutTable(rollouts: readonly RolloutSummary[], now: Instant, style: PageStyle): string[] {
  const rows = rollouts.map((rollout) => [
    printable(rollout.displayName),
    rollout.rolloutId.slice(0, shortHashDigits),
    { text: rollout.state, colour: rolloutColours[rollout.state] },
    openWaveLabel(rollout),
    `${rollout.converged} of ${rollout.hosts}`,
    rollout.failed === 0 ? '0' : { text: String(rollout.failed), colour: 'red' as const },
    rolloutWhy(rollout, now),
  ]);
  const headings = ['ROLLOUT', 'ID', 'STATE', 'WAVE', 'CONVERGED', 'FAILED', 'WHY'];
  return renderTable({ headings, rows }, style);
}

/** `0 (last 2)`. */
export function openWaveLabel({ wave, waves }: Pick<RolloutSummary, 'wave' | 'waves'>): string {
  return wave === null ? '-' : `${wave} (last ${waves - 1})`;
}

function rolloutWhy({ withheld, leftBehind }: RolloutSummary, now: Instant): string {
  const parts = withheld.slice(0, 1).map((entry) => withheldLabel(entry, now));
  if (leftBehind.length > 0) parts.push(`left behind: ${leftBehind.join(', ')}`);
  return parts.join('; ');
}

function unknownKeyTable({ unknownKeys, now }: FleetView, style: PageStyle): string[] {
  const rows = unknownKeys.map((key) => [
    printable(key.fingerprint),
    printable(key.address),
    timeAgo(key.firstSeenAt, now),
    timeAgo(key.lastSeenAt, now),
    String(key.count),
  ]);
  return renderTable({ headings: ['UNKNOWN KEY', 'ADDRESS', 'FIRST SEEN', 'LAST SEEN', 'REQUESTS'], rows }, style);
}
