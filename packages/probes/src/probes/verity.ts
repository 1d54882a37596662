import { inContainer } from '../container.ts';
import { probe, type Violation } from '../probe.ts';

export const verity = probe({
  name: 'verity',
  summary: 'that dm-verity has found nothing changed, and does not go on when it does',
  arguments: {},
  facts: { devices: '`{device, status, onCorruption}`; status V: nothing was found, C: something was' },
  violations: ['corrupted', 'ignores'],
  root: 'the device mapper answers root only',
  async measure(machine) {
    const elsewhere = inContainer(machine, 'the disk');
    if (elsewhere) return elsewhere;
    const devices: { device: string; status: string; onCorruption: string }[] = [];
    const violations: Violation[] = [];
    for (const name of machine.list('/sys/block') ?? []) {
      if (!machine.read(`/sys/block/${name}/dm/uuid`)?.startsWith('CRYPT-VERITY-')) continue;
      const device = machine.read(`/sys/block/${name}/dm/name`)?.trim() ?? name;
      const status = /\bverity (\S+)/.exec((await machine.run(['dmsetup', 'status', device])).stdout)?.[1] ?? '';
      const table = (await machine.run(['dmsetup', 'table', device])).stdout;
      const onCorruption = /\b(?:ignore|restart_on|panic_on)_corruption\b/.exec(table)?.[0] ?? 'error';
      devices.push({ device, status, onCorruption });
      if (status !== 'V') violations.push({ what: 'corrupted', subject: device, observed: status, expected: 'V' });
      if (onCorruption === 'ignore_corruption') violations.push({ what: 'ignores', subject: device });
    }
    if (devices.length === 0) return { notApplicable: 'not-used', detail: 'no device is guarded by dm-verity' };
    return { facts: { devices }, violations };
  },
});
