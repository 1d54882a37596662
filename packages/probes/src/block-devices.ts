import { ProbeError } from './errors.ts';
import type { Machine } from './machine.ts';

/** One device of `lsblk --json`, with what it is made of instead of what is made of it. */
export interface BlockDevice {
  readonly name: string;
  /** `disk`, `part`, `crypt`, `lvm`, `raid1`, … */
  readonly type: string;
  /** Type of what it holds: `crypto_LUKS`, `ext4`, `zfs_member`. */
  readonly holds: string | null;
  readonly version: string | null;
  readonly majorMinor: string;
  readonly parents: readonly BlockDevice[];
}

const devicesMax = 4096;
const depthMax = 16;

interface Raw {
  readonly name?: unknown;
  readonly type?: unknown;
  readonly fstype?: unknown;
  readonly fsver?: unknown;
  readonly 'maj:min'?: unknown;
  readonly children?: unknown;
}

/** Devices by `major:minor`. One that stands below several, as a RAID does, has all of them for parents. */
export function parseLsblk(text: string): ReadonlyMap<string, BlockDevice> {
  let value: { readonly blockdevices?: unknown };
  try {
    value = JSON.parse(text) as typeof value;
  } catch {
    throw new ProbeError('malformed', 'lsblk: not JSON');
  }
  const found = new Map<string, BlockDevice & { readonly parents: BlockDevice[] }>();
  let count = 0;
  const visit = (raw: Raw, parent: BlockDevice | null, depth: number): void => {
    if (++count > devicesMax || depth > depthMax)
      throw new ProbeError('oversized', `lsblk: more than ${devicesMax} devices`);
    const { name, type, fstype = null, fsver = null, children = [] } = raw;
    const majorMinor = typeof raw['maj:min'] === 'string' ? raw['maj:min'].trim() : '';
    if (typeof name !== 'string' || typeof type !== 'string' || majorMinor === '')
      throw new ProbeError('malformed', 'lsblk: a device without name, type or number');
    const device = found.get(majorMinor) ?? {
      ...{ name, type, majorMinor, parents: [] },
      holds: typeof fstype === 'string' ? fstype : null,
      version: typeof fsver === 'string' ? fsver : null,
    };
    if (parent !== null && !device.parents.includes(parent)) device.parents.push(parent);
    found.set(majorMinor, device);
    for (const child of children as Raw[]) visit(child, device, depth + 1);
  };
  if (!Array.isArray(value.blockdevices)) throw new ProbeError('malformed', 'lsblk: no blockdevices');
  for (const raw of value.blockdevices as Raw[]) visit(raw, null, 1);
  return found;
}

export async function readBlockDevices(machine: Machine): Promise<ReadonlyMap<string, BlockDevice>> {
  const { stdout } = await machine.run(['lsblk', '--json', '--output', 'NAME,TYPE,FSTYPE,FSVER,MAJ:MIN']);
  return parseLsblk(stdout);
}

/** Whether every way down to a disk passes a LUKS2 container (dm-crypt on LUKS): one plain leg of a mirror is enough to read it. */
export function isEncrypted(device: BlockDevice): boolean {
  if (device.type === 'crypt')
    return (
      device.parents.length > 0 &&
      device.parents.every(({ holds, version }) => holds === 'crypto_LUKS' && version === '2')
    );
  return device.parents.length > 0 && device.parents.every((parent) => isEncrypted(parent));
}
