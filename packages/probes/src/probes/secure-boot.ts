import { inContainer } from '../container.ts';
import { ProbeError } from '../errors.ts';
import type { Machine } from '../machine.ts';
import { probe, type Violation } from '../probe.ts';
import { sha256Hex } from '../sha256.ts';

const folder = '/sys/firmware/efi/efivars';
/** UEFI 2.10, §3.3 and §32: the global variables; the vendor of systemd's own. */
const global = '8be4df61-93ca-11d2-aa0d-00e098032b8c';
const loader = '4a67b082-0a4c-41cf-b6c7-440b29bb8c4f';

/** The value of a variable: four bytes of attributes stand before it. */
function variable(machine: Machine, name: string, vendor = global): Uint8Array | null {
  return machine.readBytes(`${folder}/${name}-${vendor}`)?.subarray(4) ?? null;
}

export const secureBoot = probe({
  name: 'secure-boot',
  summary: 'that the firmware starts only what is signed, by which keys, and that what runs came from such an image',
  arguments: {
    required: { kind: 'switch', what: 'without EFI it fails, instead of having no meaning' },
    ownKey: {
      kind: 'list',
      what: 'SHA-256 of the variable PK, hexadecimal: the keys are our own; none given: not looked at',
    },
    signedImage: {
      kind: 'switch',
      what: 'kernel, initrd and command line have to come from one signed image (systemd-stub), with the kernel locked down',
    },
  },
  facts: {
    secureBoot: 'whether it is on',
    setupMode: 'whether keys can still be put in',
    platformKeySha256: 'hash of PK; null: none',
    stub: 'version of systemd-stub; null: the image has none',
    lockdown: 'lockdown of the kernel; null: not built',
  },
  violations: ['off', 'setup-mode', 'other-keys', 'no-image', 'no-lockdown'],
  root: null,
  measure(machine, { required, ownKey, signedImage }) {
    const elsewhere = inContainer(machine, 'the firmware');
    if (elsewhere) return elsewhere;
    if (machine.list('/sys/firmware/efi') === null && !required)
      return { notApplicable: 'no-efi', detail: 'it was not started by EFI firmware' };
    if (machine.list('/sys/firmware/efi') !== null && machine.list(folder) === null)
      throw new ProbeError('unreadable', `${folder}: is not mounted`);
    const violations: Violation[] = [];
    const [isOn, isSetup] = [variable(machine, 'SecureBoot')?.[0], variable(machine, 'SetupMode')?.[0]];
    if (isOn !== 1) violations.push({ what: 'off', subject: 'SecureBoot', observed: isOn ?? null, expected: 1 });
    if (isSetup !== 0)
      violations.push({ what: 'setup-mode', subject: 'SetupMode', observed: isSetup ?? null, expected: 0 });
    const key = variable(machine, 'PK');
    const platformKeySha256 = key === null ? null : sha256Hex(key);
    if (ownKey.length > 0 && !ownKey.includes(platformKeySha256 ?? ''))
      violations.push({ what: 'other-keys', subject: 'PK', observed: platformKeySha256 });
    const info = variable(machine, 'StubInfo', loader);
    const stub = info === null ? null : new TextDecoder('utf-16le').decode(info).replaceAll('\0', '');
    const lockdown = /\[(\w+)\]/.exec(machine.read('/sys/kernel/security/lockdown') ?? '')?.[1] ?? null;
    if (signedImage && stub === null) violations.push({ what: 'no-image', subject: 'StubInfo' });
    if (signedImage && lockdown !== 'integrity' && lockdown !== 'confidentiality')
      violations.push({ what: 'no-lockdown', subject: 'lockdown', observed: lockdown, expected: 'integrity' });
    return {
      facts: { secureBoot: isOn === 1, setupMode: isSetup === 1, platformKeySha256, stub, lockdown },
      violations,
    };
  },
});
