import {
  accept,
  addSeconds,
  type ChannelName,
  type FleetChannel,
  type Freeze,
  type FreezeRule,
  type Instant,
  type Interval,
  instantToMs,
  intervalsMax,
  type LocalDateTime,
  type LocalTime,
  msToInstant,
  refuse,
  type WindowRule,
  weekdays,
} from '@nixfleet/contracts';
import type { ReleaseOutcome } from './release-refusal.ts';
import { TimeZone } from './time-zone.ts';

/** How far ahead windows are resolved, in days: a year, and a month for whoever forgets to release. */
export const resolvedDays = 400;

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;

/** What a manifest says of windows: null where none are declared. */
export interface ResolvedWindows {
  readonly windows: Interval[] | null;
  readonly resolvedUntil: Instant | null;
}

/** When a channel may start switches: windows for its manifest, freezes for the release. */
export interface ChannelTimes extends ResolvedWindows {
  readonly freezes: Freeze[];
}

/** What one channel declares, resolved at `now`. `fleet-invalid` names the option. */
export function resolveChannelTimes(
  { windows, freezes }: Pick<FleetChannel, 'windows' | 'freezes'>,
  { channel, now }: { readonly channel: ChannelName; readonly now: Instant },
): ReleaseOutcome<ChannelTimes> {
  const path = `channels.${channel}`;
  const open = resolveWindows(windows, { now, path: `${path}.windows` });
  if (!open.ok) return open;
  const closed = resolveFreezes(freezes, `${path}.freezes`);
  return closed.ok ? accept({ ...open.value, freezes: closed.value }) : closed;
}

interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

/**
 * Rules → intervals in UTC from `now` on, in order, none touching the next, so that no reader needs a time zone
 * database. `path` names the rules in a refusal (`fleet-invalid`): a zone that does not exist, a rule that never opens,
 * more intervals than a document holds.
 */
export function resolveWindows(
  rules: readonly WindowRule[] | null,
  { now, path }: { readonly now: Instant; readonly path: string },
): ReleaseOutcome<ResolvedWindows> {
  if (rules === null) return accept({ windows: null, resolvedUntil: null });
  const resolvedUntil = addSeconds(now, (resolvedDays * dayMs) / 1000);
  const known: Span = { fromMs: instantToMs(now), toMs: instantToMs(resolvedUntil) };
  const spans: Span[] = [];
  for (const [index, rule] of rules.entries()) {
    const zone = TimeZone.open(rule.timezone, widened(known, rule));
    if (!zone) return unknownZone(`${path}[${index}]`, rule.timezone);
    const opened = openings(rule, zone, known);
    if (opened.length === 0) {
      return refuse('fleet-invalid', `${path}[${index}]: opens on no day of the next ${resolvedDays}`);
    }
    spans.push(...opened);
  }
  const windows = merged(spans).map(({ fromMs, toMs }) => ({ from: msToInstant(fromMs), to: msToInstant(toMs) }));
  if (windows.length > intervalsMax) {
    const detail = `${windows.length} intervals in ${resolvedDays} days, at most ${intervalsMax}: open less often, for longer`;
    return refuse('fleet-invalid', `${path}: ${detail}`);
  }
  return accept({ windows, resolvedUntil });
}

/** Freezes in UTC, in the order declared, past ones too: what a release says must not change because time passes. */
export function resolveFreezes(rules: readonly FreezeRule[], path: string): ReleaseOutcome<Freeze[]> {
  const freezes: Freeze[] = [];
  for (const [index, rule] of rules.entries()) {
    if (!('timezone' in rule)) {
      freezes.push({ from: rule.from, to: rule.to, reason: rule.reason });
      continue;
    }
    const [fromMs, toMs] = [localMsOf(rule.from), localMsOf(rule.to)];
    const zone = TimeZone.open(rule.timezone, { fromMs: fromMs - dayMs, toMs: toMs + dayMs });
    if (!zone) return unknownZone(`${path}[${index}]`, rule.timezone);
    const [from, to] = [msToInstant(zone.instantOf(fromMs)), msToInstant(zone.instantOf(toMs))];
    if (from >= to) return refuse('fleet-invalid', `${path}[${index}]: clocks skip all of it`);
    freezes.push({ from, to, reason: rule.reason });
  }
  return accept(freezes);
}

/** Where a local day that overlaps `known` may begin or an opening that reaches into it start. */
function widened({ fromMs, toMs }: Span, { durationMinutes }: WindowRule): Span {
  return { fromMs: fromMs - durationMinutes * minuteMs - 2 * dayMs, toMs: toMs + 2 * dayMs };
}

function openings(rule: WindowRule, zone: TimeZone, known: Span): Span[] {
  const spans: Span[] = [];
  const { fromMs, toMs } = widened(known, rule);
  const starts = rule.starts.map(minutesOf);
  const lastDay = Math.floor(zone.localOf(toMs) / dayMs);
  for (let day = Math.floor(zone.localOf(fromMs) / dayMs); day <= lastDay; day++) {
    if (!isDayOf(rule, day)) continue;
    for (const minutes of starts) {
      const opensMs = zone.instantOf(day * dayMs + minutes * minuteMs);
      const closesMs = Math.min(opensMs + rule.durationMinutes * minuteMs, known.toMs);
      if (closesMs > known.fromMs && opensMs < known.toMs) spans.push({ fromMs: opensMs, toMs: closesMs });
    }
  }
  return spans;
}

/** `day`: days since 1970-01-01, a Thursday. */
function isDayOf({ days, daysOfMonth, months }: WindowRule, day: number): boolean {
  const date = new Date(day * dayMs);
  const weekday = weekdays[(day + 3) % 7];
  return (
    (!days || (weekday !== undefined && days.includes(weekday))) &&
    (!daysOfMonth || daysOfMonth.includes(date.getUTCDate())) &&
    (!months || months.includes(date.getUTCMonth() + 1))
  );
}

/** Sorted; what overlaps or touches is one. */
function merged(spans: readonly Span[]): Span[] {
  const sorted = [...spans].sort((left, right) => left.fromMs - right.fromMs);
  const result: Span[] = [];
  for (const span of sorted) {
    const last = result.at(-1);
    if (last && span.fromMs <= last.toMs) {
      result[result.length - 1] = { fromMs: last.fromMs, toMs: Math.max(last.toMs, span.toMs) };
    } else result.push(span);
  }
  return result;
}

function minutesOf(time: LocalTime): number {
  return Number(time.slice(0, 2)) * 60 + Number(time.slice(3));
}

function localMsOf(time: LocalDateTime): number {
  return Date.parse(`${time}:00Z`);
}

function unknownZone(path: string, timezone: string): ReleaseOutcome<never> {
  const detail = `${timezone} is no time zone that this machine knows; write it as Europe/Paris, or UTC`;
  return refuse('fleet-invalid', `${path}.timezone: ${detail}`);
}
