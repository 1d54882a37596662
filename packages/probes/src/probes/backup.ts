import { ProbeError } from '../errors.ts';
import { probe, type Violation } from '../probe.ts';
import { lastRun, type UnitRun } from '../systemd.ts';

const hourMs = 3_600_000;
const snapshotsMax = 100_000;

interface Snapshot {
  readonly atMs: number;
  readonly paths: readonly string[];
}

/** What `restic snapshots --json`, `borg list --json` or a registered job of another tool printed; restic's form is theirs too. */
export function parseSnapshots(text: string): Snapshot[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new ProbeError('malformed', 'the report is not JSON');
  }
  const list = Array.isArray(value) ? value : (value as { archives?: unknown } | null)?.archives;
  if (!Array.isArray(list)) throw new ProbeError('malformed', 'the report holds no list of snapshots');
  if (list.length > snapshotsMax) throw new ProbeError('oversized', `more than ${snapshotsMax} snapshots`);
  return list.map((one: { time?: unknown; start?: unknown; paths?: unknown }) => {
    const time = one.time ?? one.start;
    // borg writes local time without a zone; such a report has to be made in UTC.
    const text = typeof time === 'string' ? time : '';
    const atMs = Date.parse(/(?:Z|[+-]\d\d:\d\d)$/.test(text) ? text : `${text}Z`);
    if (Number.isNaN(atMs)) throw new ProbeError('malformed', 'a snapshot without a time');
    const paths = Array.isArray(one.paths) ? one.paths.filter((path): path is string => typeof path === 'string') : [];
    return { atMs, paths };
  });
}

export const backup = probe({
  name: 'backup',
  summary:
    'that the last backup is recent, by its unit and by the list of snapshots of the tool, and that old ones are kept',
  arguments: {
    unit: { kind: 'list', what: 'unit of a job: its last run has to have succeeded within the limit' },
    report: { kind: 'list', what: 'file with the JSON list of snapshots, as the tool printed it after its run' },
    maxAgeHours: { kind: 'number', what: 'oldest that the newest may be, in hours' },
    retentionDays: {
      kind: 'number',
      what: 'the oldest snapshot is at least as old, or as the first one ever',
      default: null,
    },
    firstAt: { kind: 'text', what: 'when the first backup was made, RFC 3339, for retention', default: null },
    path: { kind: 'list', what: 'data set that the newest snapshot of a report has to hold' },
  },
  facts: {
    jobs: '`{unit, result, hours}`: hours since it last ended; null: never',
    reports: '`{report, snapshots, newestHours, oldestDays}`',
  },
  violations: ['nothing-declared', 'failed', 'old', 'never', 'no-snapshot', 'no-report', 'retention', 'path'],
  root: 'reports of the backup',
  async measure(machine, { unit, report, maxAgeHours, retentionDays, firstAt, path }) {
    const violations: Violation[] = [];
    if (unit.length + report.length === 0) violations.push({ what: 'nothing-declared', subject: 'jobs' });
    const jobs: UnitRun[] = [];
    for (const one of unit) {
      const found = await lastRun(machine, one, maxAgeHours);
      jobs.push(found.run);
      violations.push(...found.violations);
    }
    const reports: { report: string; snapshots: number; newestHours: number | null; oldestDays: number | null }[] = [];
    for (const one of report) {
      const text = machine.read(one, 16 * 1024 * 1024);
      if (text === null) {
        violations.push({ what: 'no-report', subject: one });
        continue;
      }
      const snapshots = parseSnapshots(text).sort((a, b) => a.atMs - b.atMs);
      const [oldest, newest] = [snapshots[0], snapshots.at(-1)];
      const newestHours = newest ? Math.floor((machine.nowMs - newest.atMs) / hourMs) : null;
      const oldestDays = oldest ? Math.floor((machine.nowMs - oldest.atMs) / (24 * hourMs)) : null;
      reports.push({ report: one, snapshots: snapshots.length, newestHours, oldestDays });
      if (newestHours === null) violations.push({ what: 'no-snapshot', subject: one });
      else if (newestHours > maxAgeHours || newestHours < -1)
        violations.push({ what: 'old', subject: one, observed: newestHours, expected: maxAgeHours });
      if (retentionDays !== null) {
        const since = firstAt === null ? Number.NaN : Date.parse(firstAt);
        const could = Number.isNaN(since) ? retentionDays : Math.floor((machine.nowMs - since) / (24 * hourMs));
        const should = Math.min(retentionDays, could);
        if ((oldestDays ?? -1) + 1 < should)
          violations.push({ what: 'retention', subject: one, observed: oldestDays, expected: should });
      }
      for (const data of path)
        if (!newest?.paths.some((held) => data === held || data.startsWith(held === '/' ? '/' : `${held}/`)))
          violations.push({ what: 'path', subject: data, observed: one });
    }
    return { facts: { jobs: jobs.map((job) => ({ ...job })), reports }, violations };
  },
});
