import { inContainer } from '../container.ts';
import { ProbeError } from '../errors.ts';
import { keyValues } from '../key-values.ts';
import type { Machine } from '../machine.ts';
import { probe, type Violation } from '../probe.ts';

interface TimeState {
  readonly source: string;
  readonly isSynchronised: boolean;
  readonly offsetMs: number | null;
  readonly lastSyncSeconds: number | null;
  readonly servers: readonly string[];
}

/** `chronyc -c tracking`: id, address, stratum, time of the last update, offset of the system clock, … in seconds. */
export function parseTracking(text: string, nowMs: number): TimeState {
  const [, address = '', stratum = '', updated = '', offset = ''] = text.trim().split(',');
  if (offset === '' || !Number.isFinite(Number(offset)))
    throw new ProbeError('malformed', 'chronyc -c tracking: not its fields');
  const isSynchronised = Number(stratum) > 0 && Number(stratum) < 16 && text.trim().endsWith('Normal');
  return {
    source: 'chrony',
    isSynchronised,
    offsetMs: Math.round(Math.abs(Number(offset)) * 1000),
    lastSyncSeconds: isSynchronised ? Math.max(0, Math.round(nowMs / 1000 - Number(updated))) : null,
    servers: address === '' ? [] : [address],
  };
}

/** `timedatectl show-timesync` and `show`. */
export function parseTimesync(timesync: string, show: string): TimeState {
  const [sync, state] = [keyValues(timesync), keyValues(show)];
  // { …, Offset=+1.2ms, … } stands in the message only where one was taken.
  const [, number, unit] = /Offset=[+-]?([\d.]+)(us|ms|s)\b/.exec(timesync) ?? [];
  const factor = unit === 's' ? 1000 : unit === 'us' ? 0.001 : 1;
  return {
    source: 'systemd-timesyncd',
    isSynchronised: state.get('NTPSynchronized') === 'yes',
    offsetMs: number === undefined ? null : Math.round(Number(number) * factor),
    lastSyncSeconds: null,
    servers: [sync.get('ServerName') ?? ''].filter(Boolean),
  };
}

async function read(machine: Machine, daemon: string): Promise<TimeState> {
  if (daemon === 'chrony' || (daemon === 'auto' && machine.has('chronyc')))
    return parseTracking((await machine.run(['chronyc', '-n', '-c', 'tracking'])).stdout, machine.nowMs);
  const [timesync, show] = [
    await machine.run(['timedatectl', 'show-timesync']),
    await machine.run(['timedatectl', 'show']),
  ];
  const state = parseTimesync(timesync.stdout, show.stdout);
  // Touched at each synchronisation (systemd-timesyncd(8)).
  const touched =
    machine.status('/run/systemd/timesync/synchronized')?.modifiedMs ??
    machine.status('/var/lib/systemd/timesync/clock')?.modifiedMs;
  return {
    ...state,
    lastSyncSeconds: touched === undefined ? null : Math.max(0, Math.round((machine.nowMs - touched) / 1000)),
  };
}

export const timeSync = probe({
  name: 'time-sync',
  summary: 'that the clock follows declared sources, closely, and did so lately',
  arguments: {
    daemon: { kind: 'text', what: 'what keeps the clock', default: 'auto', oneOf: ['auto', 'chrony', 'timesyncd'] },
    maxOffsetMs: { kind: 'number', what: 'largest offset in milliseconds', default: 1000 },
    maxAgeSeconds: { kind: 'number', what: 'longest since it was last set, in seconds', default: 14_400 },
    server: { kind: 'list', what: 'declared source, as the daemon names it; none given: not compared' },
  },
  facts: {
    source: 'chrony or systemd-timesyncd',
    isSynchronised: 'what it says of itself',
    offsetMs: 'offset in milliseconds; null: not said',
    lastSyncSeconds: 'seconds since it was last set; null: never',
  },
  violations: ['not-synchronised', 'offset', 'old', 'other-source'],
  root: null,
  async measure(machine, { daemon, maxOffsetMs, maxAgeSeconds, server }) {
    const elsewhere = inContainer(machine, 'the clock');
    if (elsewhere) return elsewhere;
    const state = await read(machine, daemon);
    const violations: Violation[] = [];
    if (!state.isSynchronised) violations.push({ what: 'not-synchronised', subject: state.source });
    if (state.offsetMs !== null && state.offsetMs > maxOffsetMs)
      violations.push({ what: 'offset', subject: state.source, observed: state.offsetMs, expected: maxOffsetMs });
    if (state.lastSyncSeconds === null || state.lastSyncSeconds > maxAgeSeconds)
      violations.push({ what: 'old', subject: state.source, observed: state.lastSyncSeconds, expected: maxAgeSeconds });
    for (const one of state.servers)
      if (server.length > 0 && !server.includes(one))
        violations.push({ what: 'other-source', subject: state.source, address: one });
    const { source, isSynchronised, offsetMs, lastSyncSeconds } = state;
    return { facts: { source, isSynchronised, offsetMs, lastSyncSeconds }, violations };
  },
});
