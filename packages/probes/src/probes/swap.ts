import { required } from '../accounts.ts';
import { isEncrypted, readBlockDevices } from '../block-devices.ts';
import { inContainer } from '../container.ts';
import { probe, type Violation } from '../probe.ts';

export const swap = probe({
  name: 'swap',
  summary: 'that memory is never written to a plain disk: no swap, compressed memory, or encrypted',
  arguments: {},
  facts: { devices: 'swap in use: `{device, kind}`, kind zram, encrypted or plain' },
  violations: ['plain'],
  root: null,
  async measure(machine) {
    const elsewhere = inContainer(machine, 'swap');
    if (elsewhere) return elsewhere;
    const lines = required(machine, '/proc/swaps').trim().split('\n').slice(1);
    const devices: { device: string; kind: string }[] = [];
    const violations: Violation[] = [];
    const known = lines.some((line) => !/^\/dev\/zram/.test(line)) ? await readBlockDevices(machine) : new Map();
    for (const line of lines) {
      const [device = '', type = ''] = line.split(/\s+/);
      if (/^\/dev\/zram\d+$/.test(device)) {
        devices.push({ device, kind: 'zram' });
        continue;
      }
      const name = (machine.realPath(device) ?? device).replace(/^\/dev\//, '');
      const number = machine.read(`/sys/class/block/${name}/dev`)?.trim() ?? '';
      const found = known.get(number);
      // A random key has no LUKS header: a crypt device right on the partition. A file is as its file system, which EAR-01 looks at.
      const isCrypt = found?.type === 'crypt' || (found !== undefined && isEncrypted(found));
      const kind = type === 'partition' && isCrypt ? 'encrypted' : 'plain';
      devices.push({ device, kind });
      if (kind === 'plain') violations.push({ what: 'plain', subject: device, observed: type });
    }
    return { facts: { devices }, violations };
  },
});
