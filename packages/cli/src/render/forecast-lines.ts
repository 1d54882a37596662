import type { ForecastRollout, ForecastWave, Instant, PlanView } from '@nixfleet/contracts';
import { describeWithheld, switchSecondsDefault } from '@nixfleet/engine';
import { printable } from '../printable.ts';
import { waveLabel } from './status-page.ts';

/** Most hosts whose reason is told, and most hosts named in one line. */
const hostsToldMax = 8;

/**
 * One rollout in a sentence: `stable@3f2a: canary 14:02, wave 2 14:35, done 15:20; blocked by: …`. Times are UTC, with the
 * weekday or the date where it is not today's.
 */
export function forecastSentence(rollout: ForecastRollout, now: Instant): string {
  const { displayName, blockedBy, leftBehind, failed } = rollout;
  const parts = [`${printable(displayName)}: ${courseOf(rollout, now)}`];
  const blocks = blockedBy.map(({ withheld }) => printable(describeWithheld(withheld)).replace(/\.$/, ''));
  if (blocks.length > 0) parts.push(`blocked by: ${blocks.join(', then ')}`);
  if (failed.length > 0) parts.push(`failed: ${named(failed)}`);
  if (leftBehind.length > 0) parts.push(`left behind, to be caught up: ${named(leftBehind)}`);
  return parts.join('; ');
}

function courseOf({ waves, state, doneAt, startsAt }: ForecastRollout, now: Instant): string {
  if (state === 'converged' && startsAt === null) return 'nothing to switch';
  const started = waves.flatMap((wave) =>
    wave.startsAt ? [`${waveName(wave)} ${clockTime(wave.startsAt, now)}`] : [],
  );
  const end = doneAt === null ? `not done (${state})` : `done ${clockTime(doneAt, now)}`;
  return [...started, end].join(', ');
}

function waveName({ hosts, wave }: ForecastWave): string {
  const [only] = hosts;
  return only !== undefined && hosts.length === 1 ? only : `wave ${waveLabel(wave)}`;
}

/** Who has not converged at the end, and why; hosts with the same reason together. */
export function waitingLines({ waiting }: ForecastRollout): string[] {
  const byReason = new Map<string, string[]>();
  for (const { host, withheld } of waiting) {
    const [first] = withheld;
    const reason = first ? printable(describeWithheld(first)) : 'It is told to switch.';
    byReason.set(reason, [...(byReason.get(reason) ?? []), host]);
  }
  const lines = [...byReason].map(([reason, hosts]) => `${named(hosts)}: ${reason}`);
  const more = lines.length - hostsToldMax;
  return more > 0 ? [...lines.slice(0, hostsToldMax), `and ${more} more`] : lines;
}

function named(hosts: readonly string[]): string {
  const more = hosts.length - hostsToldMax;
  return more > 0 ? `${hosts.slice(0, hostsToldMax).join(', ')} and ${more} more` : hosts.join(', ');
}

/** What the forecast rests on, so that nobody takes it for more. */
export function basisLine({ basis, whatIf }: PlanView): string {
  const { fetch, activate, confirm, boot } = switchSecondsDefault;
  const defaults = `taken to take ${fetch} s to fetch, ${activate} s to activate, ${confirm} s to confirm, ${boot} s to boot`;
  const durations =
    basis.durations === 'default'
      ? `switches are ${defaults}`
      : `switches take what they took lately on ${basis.measuredHosts} hosts (${basis.durations === 'journal' ? 'journal files' : 'events of the control plane'})`;
  const hosts =
    basis.hosts === 'control-plane'
      ? 'hosts stand where the control plane sees them'
      : 'every host is taken to have converged on the last release';
  const cases = [
    ...(whatIf.offline.length > 0 ? [`${named(whatIf.offline)} offline`] : []),
    ...(whatIf.fail.length > 0 ? [`${named(whatIf.fail)} failing`] : []),
  ];
  return `${cases.length > 0 ? `What if: ${cases.join(', ')}. ` : ''}Times are UTC; ${hosts}; ${durations}.`;
}

const weekdays = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'] as const;
const weekMs = 6 * 24 * 3600 * 1000;

/** `14:02` today, `Mon 14:02` within a week, else `2026-12-10 14:02`. */
export function clockTime(instant: Instant, now: Instant): string {
  const [date = '', time = ''] = instant.split('T');
  const minute = time.slice(0, 5);
  if (date === now.slice(0, 10)) return minute;
  const ms = Date.parse(instant);
  return ms - Date.parse(now) < weekMs ? `${weekdays[new Date(ms).getUTCDay()]} ${minute}` : `${date} ${minute}`;
}
