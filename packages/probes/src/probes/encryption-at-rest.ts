import { type BlockDevice, isEncrypted, readBlockDevices } from '../block-devices.ts';
import { inContainer } from '../container.ts';
import type { Machine } from '../machine.ts';
import { readMounts } from '../mounts.ts';
import { probe, type Violation } from '../probe.ts';

/** File systems that hold nothing once the machine is off, or whose disk is elsewhere and not this machine's to encrypt. */
const volatile = new Set([
  ...['autofs', 'binfmt_misc', 'bpf', 'cgroup', 'cgroup2', 'configfs', 'debugfs', 'devpts', 'devtmpfs', 'efivarfs'],
  ...['fusectl', 'hugetlbfs', 'mqueue', 'nsfs', 'proc', 'pstore', 'ramfs', 'rpc_pipefs', 'securityfs', 'selinuxfs'],
  ...['sysfs', 'tmpfs', 'tracefs'],
]);

/** All devices of a btrfs, by what the kernel says of the file system. */
function btrfsMembers(machine: Machine, devices: ReadonlyMap<string, BlockDevice>, first: BlockDevice): BlockDevice[] {
  for (const uuid of machine.list('/sys/fs/btrfs') ?? []) {
    const names = machine.list(`/sys/fs/btrfs/${uuid}/devices`) ?? [];
    const numbers = names.map((name) => machine.read(`/sys/fs/btrfs/${uuid}/devices/${name}/dev`)?.trim() ?? '');
    if (!numbers.includes(first.majorMinor)) continue;
    const members = numbers.map((number) => devices.get(number));
    return members.every((member) => member !== undefined) ? members : [];
  }
  return [];
}

export const encryptionAtRest = probe({
  name: 'encryption-at-rest',
  summary: 'that every mount which outlives a power cut lies on LUKS2 or encrypted ZFS, on each of its disks',
  arguments: { except: { kind: 'list', what: 'mount point that is left out, beside /boot and its like' } },
  facts: { persistent: 'mount points that were looked at', plain: 'those that are not encrypted' },
  violations: ['plain', 'unknown-device'],
  root: null,
  async measure(machine, { except }) {
    const elsewhere = inContainer(machine, 'the disk');
    if (elsewhere) return elsewhere;
    const left = new Set(['/boot', '/boot/efi', '/efi', ...except]);
    const devices = await readBlockDevices(machine);
    const violations: Violation[] = [];
    const persistent: string[] = [];
    const plain: string[] = [];
    for (const mount of readMounts(machine).values()) {
      // An overlay's layers are mounts of their own.
      if (volatile.has(mount.type) || mount.type === 'overlay' || mount.type === 'squashfs' || left.has(mount.point))
        continue;
      persistent.push(mount.point);
      if (mount.type === 'zfs') {
        const { stdout } = await machine.run(['zfs', 'get', '-H', '-o', 'value', 'encryption', mount.source]);
        if (stdout.trim() === 'off' || stdout.trim() === '-') {
          plain.push(mount.point);
          violations.push({ what: 'plain', subject: mount.point, observed: `zfs encryption ${stdout.trim()}` });
        }
        continue;
      }
      // btrfs has a number of its own: its device is the one it was mounted from, and others of a pool are looked for by name.
      const device =
        devices.get(mount.device) ??
        [...devices.values()].find(
          ({ name }) => mount.source === `/dev/${name}` || mount.source === `/dev/mapper/${name}`,
        );
      if (!device) {
        plain.push(mount.point);
        violations.push({ what: 'unknown-device', subject: mount.point, observed: `${mount.type} on ${mount.source}` });
        continue;
      }
      const members = mount.type === 'btrfs' ? btrfsMembers(machine, devices, device) : [device];
      if (members.length === 0 || !members.every((member) => isEncrypted(member))) {
        plain.push(mount.point);
        violations.push({ what: 'plain', subject: mount.point, observed: members.map(({ name }) => name).join(' ') });
      }
    }
    return { facts: { persistent, plain }, violations };
  },
});
