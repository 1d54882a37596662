import { required } from '../accounts.ts';
import { keyValues } from '../key-values.ts';
import type { Machine } from '../machine.ts';
import { probe, type Violation } from '../probe.ts';
import { sha256Hex } from '../sha256.ts';

const interfacesMax = 64;
const dmiFiles = ['sys_vendor', 'product_name', 'product_serial', 'product_uuid', 'board_serial'];

/** Hash of an identity that is nobody's business but can be compared; null where the machine has none. */
function hashed(machine: Machine, path: string): string | null {
  const text = machine.read(path)?.trim();
  return text ? sha256Hex(text) : null;
}

/** `nixos-version --configuration-revision` reads the same line of the same script. */
function revisionOf(machine: Machine): string | null {
  const script = machine.read('/run/current-system/sw/bin/nixos-version') ?? '';
  return /"configurationRevision":"([0-9a-f]{7,64})/.exec(script)?.[1] ?? null;
}

export const inventory = probe({
  name: 'inventory',
  summary: 'what this machine is: identities as hashes, systems, version, interfaces, units, TPM',
  arguments: {
    host: { kind: 'text', what: 'the name it has to have', default: null },
  },
  facts: {
    machineIdSha256: 'hash of /etc/machine-id',
    dmiSha256: 'hash of vendor, product and serial numbers; null: the firmware says none',
    hostname: 'its name',
    runningSystem: 'store path of /run/current-system; null: no NixOS',
    bootedSystem: 'store path of /run/booted-system; null: no NixOS',
    osVersion: 'VERSION_ID of os-release',
    configurationRevision: 'commit that the system names; null: none',
    kernel: 'release of the running kernel',
    interfaces: 'names of network interfaces',
    services: 'number of unit files that are linked to be started',
    hasTpm: 'whether the kernel has a TPM',
  },
  violations: ['no-machine-id', 'hostname', 'no-system'],
  root: 'serial numbers of the firmware',
  measure(machine, { host }) {
    const violations: Violation[] = [];
    const machineId = hashed(machine, '/etc/machine-id');
    if (machineId === null) violations.push({ what: 'no-machine-id', subject: '/etc/machine-id' });
    const hostname = required(machine, '/proc/sys/kernel/hostname').trim();
    if (host !== null && hostname !== host) violations.push({ what: 'hostname', observed: hostname, expected: host });
    const system = machine.readLink('/run/current-system');
    const release = keyValues(machine.read('/etc/os-release') ?? '');
    if (system === null && release.get('ID') === 'nixos')
      violations.push({ what: 'no-system', subject: '/run/current-system' });
    const dmi = dmiFiles.map((name) => machine.read(`/sys/class/dmi/id/${name}`)?.trim() ?? '').filter(Boolean);
    const wants = machine.list('/etc/systemd/system/multi-user.target.wants') ?? [];
    return {
      facts: {
        machineIdSha256: machineId,
        dmiSha256: dmi.length > 0 ? sha256Hex(dmi.join('\n')) : null,
        hostname,
        runningSystem: system,
        bootedSystem: machine.readLink('/run/booted-system'),
        osVersion: release.get('VERSION_ID') ?? '',
        configurationRevision: revisionOf(machine),
        kernel: required(machine, '/proc/sys/kernel/osrelease').trim(),
        interfaces: (machine.list('/sys/class/net') ?? []).slice(0, interfacesMax),
        services: wants.length,
        hasTpm: (machine.list('/sys/class/tpm') ?? []).length > 0,
      },
      violations,
    };
  },
});
