import { readBlockDevices } from '../block-devices.ts';
import { inContainer } from '../container.ts';
import { ProbeError } from '../errors.ts';
import { objectOf } from '../json-object.ts';
import { probe, type Violation } from '../probe.ts';

export const luks = probe({
  name: 'luks',
  summary: 'key slots of LUKS2 containers, and how a TPM is bound to what was started',
  arguments: {
    slots: { kind: 'number', what: 'how many key slots each has to have; none: not looked at', default: null },
    pcr: { kind: 'list', what: 'PCR that each TPM token has to be bound to; none given: no token has to be there' },
    kdf: { kind: 'text', what: 'key derivation that each passphrase slot has to have', default: null },
  },
  facts: { containers: '`{device, slots, tokens, pcrs}`' },
  violations: ['slots', 'no-tpm', 'pcr', 'kdf', 'luks1'],
  root: 'headers of disks',
  async measure(machine, { slots, pcr, kdf }) {
    const elsewhere = inContainer(machine, 'the disk');
    if (elsewhere) return elsewhere;
    const containers: { device: string; slots: number; tokens: string[]; pcrs: number[] }[] = [];
    const violations: Violation[] = [];
    for (const { name, holds, version } of (await readBlockDevices(machine)).values()) {
      if (holds !== 'crypto_LUKS') continue;
      const device = `/dev/${name}`;
      if (version === '1') {
        violations.push({ what: 'luks1', subject: device });
        continue;
      }
      const { stdout } = await machine.run(['cryptsetup', 'luksDump', '--dump-json-metadata', device]);
      const header = objectOf(device, stdout);
      const keyslots = valuesOf(device, header.keyslots);
      const tokens = valuesOf(device, header.tokens ?? {});
      const bound = tokens.filter(({ type }) => type === 'systemd-tpm2' || type === 'clevis');
      const pcrs = [
        ...new Set(
          bound.flatMap((token) => (Array.isArray(token['tpm2-pcrs']) ? (token['tpm2-pcrs'] as number[]) : [])),
        ),
      ].sort((a, b) => a - b);
      containers.push({ device, slots: keyslots.length, tokens: tokens.map(({ type }) => String(type)), pcrs });
      if (slots !== null && keyslots.length !== slots)
        violations.push({ what: 'slots', subject: device, observed: keyslots.length, expected: slots });
      if (pcr.length > 0 && bound.length === 0) violations.push({ what: 'no-tpm', subject: device });
      for (const one of bound.length > 0 ? pcr : [])
        if (!pcrs.includes(Number(one)))
          violations.push({ what: 'pcr', subject: device, observed: pcrs.join(' '), expected: one });
      for (const slot of keyslots) {
        const used = (slot.kdf as { type?: unknown } | undefined)?.type;
        if (kdf !== null && used !== kdf)
          violations.push({ what: 'kdf', subject: device, observed: String(used), expected: kdf });
      }
    }
    if (containers.length === 0 && violations.length === 0)
      return { notApplicable: 'not-used', detail: 'no disk holds a LUKS container' };
    return { facts: { containers }, violations };
  },
});

function valuesOf(device: string, value: unknown): Readonly<Record<string, unknown>>[] {
  if (typeof value !== 'object' || value === null)
    throw new ProbeError('malformed', `${device}: a header without key slots`);
  return Object.values(value) as Readonly<Record<string, unknown>>[];
}
