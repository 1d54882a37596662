import { ProbeError } from './errors.ts';
import { objectOf } from './json-object.ts';
import { keyValues } from './key-values.ts';
import type { Machine } from './machine.ts';
import type { Violation } from './probe.ts';

/** Properties of a unit, as `systemctl show` prints them. Over the system bus: any user may ask. */
export async function unitProperties(
  machine: Machine,
  unit: string,
  names: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  if (!/^[A-Za-z0-9:_.@\\-]+$/.test(unit))
    throw new ProbeError('bad-arguments', `${unit}: expected the name of a unit`);
  const { stdout } = await machine.run([
    'systemctl',
    'show',
    '--timestamp=unix',
    `--property=${names.join(',')}`,
    unit,
  ]);
  return keyValues(stdout);
}

/** `@1780000000` in milliseconds; null: never. */
export function unixStamp(text: string | undefined): number | null {
  const [, seconds] = /^@(\d{1,12})$/.exec(text ?? '') ?? [];
  return seconds === undefined ? null : Number(seconds) * 1000;
}

/**
 * A configuration file of systemd with its drop-ins, in the order in which they hold (systemd.unit(5), systemd-system.conf(5)):
 * the main file, then drop-ins by name, of which the one in /etc hides those in /run and /usr/lib.
 */
export function systemdConfig(machine: Machine, name: string): ReadonlyMap<string, string> {
  const places = ['/etc/systemd', '/run/systemd', '/usr/local/lib/systemd', '/usr/lib/systemd'];
  const main = places.map((place) => machine.read(`${place}/${name}`)).find((text) => text !== null) ?? '';
  const dropIns = new Map<string, string>();
  for (const place of places.toReversed())
    for (const file of machine.list(`${place}/${name}.d`) ?? [])
      if (file.endsWith('.conf')) dropIns.set(file, machine.read(`${place}/${name}.d/${file}`) ?? '');
  const texts = [main, ...[...dropIns].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, text]) => text)];
  return new Map(texts.flatMap((text) => [...keyValues(text.replaceAll(/^\s*[#;].*$/gm, ''))]));
}

/** How a unit's main process last ended. */
export interface UnitRun {
  readonly unit: string;
  readonly result: string;
  /** Hours since it ended; null: never, since the unit was loaded. */
  readonly hours: number | null;
}

/** systemd's messages when a unit has ended well, or not (systemd, sd-messages.h). */
const endMessages = { good: '7ad2d189f7e94e70a38c781354912448', bad: 'd9b373ed55a64feb8242e02dbe79a49c' } as const;

/**
 * systemd forgets a unit that nothing refers to as soon as it has ended, and all of them at a reboot; the journal does not.
 * Only what systemd itself wrote counts: others may write any text.
 */
async function lastEndInJournal(
  machine: Machine,
  unit: string,
): Promise<{ readonly endedMs: number; readonly isGood: boolean } | null> {
  const { stdout } = await machine.run([
    ...(['journalctl', '--quiet', '--no-pager', '--output=json', '--reverse', '--lines=1', '_PID=1'] as const),
    ...[`UNIT=${unit}`, `MESSAGE_ID=${endMessages.good}`, `MESSAGE_ID=${endMessages.bad}`],
  ]);
  if (stdout.trim() === '') return null;
  const entry = objectOf('journalctl', stdout.trim());
  const microseconds = Number(entry.__REALTIME_TIMESTAMP);
  if (!Number.isSafeInteger(microseconds)) throw new ProbeError('malformed', 'journalctl: an entry without time');
  return { endedMs: Math.floor(microseconds / 1000), isGood: entry.MESSAGE_ID === endMessages.good };
}

/** The last run of a unit, and what is wrong with it: `failed`, `never`, `old`. */
export async function lastRun(
  machine: Machine,
  unit: string,
  maxAgeHours: number,
): Promise<{ readonly run: UnitRun; readonly violations: readonly Violation[] }> {
  const found = await unitProperties(machine, unit, ['Result', 'ExecMainExitTimestamp', 'ExecMainStatus', 'LoadState']);
  const known = unixStamp(found.get('ExecMainExitTimestamp'));
  const written = known === null ? await lastEndInJournal(machine, unit) : null;
  const endedMs = known ?? written?.endedMs ?? null;
  const hours = endedMs === null ? null : Math.floor((machine.nowMs - endedMs) / 3_600_000);
  const result = found.get('LoadState') === 'loaded' ? (found.get('Result') ?? 'unknown') : 'not-loaded';
  const violations: Violation[] = [];
  if (result !== 'success' || found.get('ExecMainStatus') !== '0' || written?.isGood === false)
    violations.push({ what: 'failed', subject: unit, observed: result, expected: 'success' });
  if (hours === null) violations.push({ what: 'never', subject: unit });
  else if (hours > maxAgeHours) violations.push({ what: 'old', subject: unit, observed: hours, expected: maxAgeHours });
  return { run: { unit, result, hours }, violations };
}
