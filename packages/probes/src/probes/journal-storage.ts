import { secondsOf } from '../duration.ts';
import { ProbeError } from '../errors.ts';
import { probe, type Violation } from '../probe.ts';
import { systemdConfig } from '../systemd.ts';

const folder = '/var/log/journal';
const dayMs = 86_400_000;
/** Of a journal file's header (systemd, journal-def.h): its signature, and where its first entry's time is, little-endian. */
const signature = 'LPKSHHRH';
const headEntryOffset = 184;
const headerBytes = 256;
const filesMax = 4096;

export const journalStorage = probe({
  name: 'journal-storage',
  summary: 'that the journal is kept on disk, for how long, and whether there is room',
  arguments: {
    retentionDays: { kind: 'number', what: 'days that entries have to be kept' },
    freePercentMin: { kind: 'number', what: 'least free space, in percent of its file system', default: 10 },
  },
  facts: {
    isPersistent: 'whether /var/log/journal holds journals of this machine',
    oldestEntryDays: 'age of the oldest entry in days; null: there is none',
    installedDays: 'days since the machine got its identity, before which there can be no entry',
    freePercent: 'free space of its file system, in percent',
    maxRetentionSeconds: 'MaxRetentionSec; 0: no limit',
    storage: 'Storage of journald.conf',
  },
  violations: ['not-persistent', 'retention', 'dropped', 'space', 'storage'],
  root: 'journals of the system',
  measure(machine, { retentionDays, freePercentMin }) {
    const config = systemdConfig(machine, 'journald.conf');
    const storage = config.get('Storage') ?? 'auto';
    const machineId = machine.read('/etc/machine-id')?.trim() ?? '';
    const names = (machine.list(`${folder}/${machineId}`) ?? []).filter((name) => name.endsWith('.journal'));
    if (names.length > filesMax) throw new ProbeError('oversized', `${folder}: more than ${filesMax} files`);
    const isPersistent = machineId !== '' && names.length > 0 && ['auto', 'persistent'].includes(storage);
    const times = names.map((name) => firstEntryMs(machine.readHead(`${folder}/${machineId}/${name}`, headerBytes)));
    const known = times.filter((time) => time !== null);
    const oldestMs = known.length > 0 ? Math.min(...known) : null;
    const installed = machine.status('/etc/machine-id')?.modifiedMs ?? machine.nowMs;
    const days = (ms: number): number => Math.max(0, Math.floor((machine.nowMs - ms) / dayMs));
    const { freeBytes, totalBytes } = isPersistent ? machine.space(folder) : { freeBytes: 0, totalBytes: 1 };
    const freePercent = Math.floor((100 * freeBytes) / Math.max(1, totalBytes));
    const maxRetention = config.get('MaxRetentionSec') ?? '0';
    const maxRetentionSeconds = secondsOf(maxRetention) ?? 0;
    const violations: Violation[] = [];
    if (!['auto', 'persistent'].includes(storage))
      violations.push({ what: 'storage', subject: 'Storage', observed: storage, expected: 'persistent' });
    if (!isPersistent) violations.push({ what: 'not-persistent', subject: folder });
    if (maxRetentionSeconds !== 0 && maxRetentionSeconds < retentionDays * 86_400)
      violations.push({
        what: 'retention',
        subject: 'MaxRetentionSec',
        observed: maxRetention,
        expected: retentionDays * 86_400,
      });
    // A machine older than its oldest entry has thrown entries away, or lost them.
    const should = Math.min(retentionDays, days(installed));
    if (isPersistent && (oldestMs === null || days(oldestMs) + 1 < should))
      violations.push({
        what: 'dropped',
        subject: folder,
        observed: oldestMs === null ? null : days(oldestMs),
        expected: should,
      });
    if (isPersistent && freePercent < freePercentMin)
      violations.push({ what: 'space', subject: folder, observed: freePercent, expected: freePercentMin });
    return {
      facts: {
        isPersistent,
        oldestEntryDays: oldestMs === null ? null : days(oldestMs),
        installedDays: days(installed),
        freePercent,
        maxRetentionSeconds,
        storage,
      },
      violations,
    };
  },
});

/** Wall clock of a journal file's first entry, in milliseconds; null: it has none, or it is no journal. */
export function firstEntryMs(header: Uint8Array | null): number | null {
  if (header === null || header.length < headEntryOffset + 8) return null;
  if (new TextDecoder('latin1').decode(header.subarray(0, 8)) !== signature) return null;
  const microseconds = new DataView(header.buffer, header.byteOffset).getBigUint64(headEntryOffset, true);
  return microseconds === 0n ? null : Number(microseconds / 1000n);
}
