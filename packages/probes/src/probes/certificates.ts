import { X509Certificate } from 'node:crypto';
import { ProbeError } from '../errors.ts';
import { probe, type Violation } from '../probe.ts';
import { sha256Hex } from '../sha256.ts';

const dayMs = 86_400_000;
const certificatesMax = 256;

export const certificates = probe({
  name: 'certificates',
  summary: 'certificates in files: how long they are valid, and whether they are those of the register',
  arguments: {
    file: { kind: 'list', what: 'PEM file' },
    warningDays: { kind: 'number', what: 'days that each has to be valid for still', default: 30 },
    onlyRegistered: { kind: 'switch', what: 'others may not be there, also where none is registered' },
    registered: {
      kind: 'list',
      what: 'SHA-256 of a certificate of the register (DER), hexadecimal; none given: not compared',
    },
  },
  facts: { certificates: '`{file, sha256, daysLeft, algorithm}`' },
  violations: ['nothing-declared', 'no-certificate', 'expires', 'not-registered', 'not-yet'],
  root: 'files that only services may read',
  measure(machine, { file, warningDays, onlyRegistered, registered }) {
    const violations: Violation[] = file.length === 0 ? [{ what: 'nothing-declared', subject: '--file' }] : [];
    const found: { file: string; sha256: string; daysLeft: number; algorithm: string }[] = [];
    for (const one of file) {
      const blocks =
        (machine.read(one) ?? '').match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
      if (blocks.length > certificatesMax)
        throw new ProbeError('oversized', `${one}: more than ${certificatesMax} certificates`);
      if (blocks.length === 0) violations.push({ what: 'no-certificate', subject: one });
      for (const block of blocks) {
        let certificate: X509Certificate;
        try {
          certificate = new X509Certificate(block);
        } catch (error) {
          throw new ProbeError('malformed', `${one}: not a certificate`, { cause: error });
        }
        const daysLeft = Math.floor((Date.parse(certificate.validTo) - machine.nowMs) / dayMs);
        const sha256 = sha256Hex(certificate.raw);
        found.push({ file: one, sha256, daysLeft, algorithm: certificate.publicKey.asymmetricKeyType ?? '' });
        if (daysLeft < warningDays)
          violations.push({ what: 'expires', subject: one, observed: daysLeft, expected: warningDays });
        if (Date.parse(certificate.validFrom) > machine.nowMs)
          violations.push({ what: 'not-yet', subject: one, observed: certificate.validFrom });
        if ((onlyRegistered || registered.length > 0) && !registered.includes(sha256))
          violations.push({ what: 'not-registered', subject: one, observed: sha256 });
      }
    }
    return { facts: { certificates: found.slice(0, 64) }, violations };
  },
});
