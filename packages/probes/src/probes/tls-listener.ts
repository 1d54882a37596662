import { networkInterfaces } from 'node:os';
import { ProbeError } from '../errors.ts';
import { probe, type Violation } from '../probe.ts';
import { type Handshake, handshake } from '../tls-handshake.ts';

const versions = ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'] as const;
const dayMs = 86_400_000;
/** Without forward secrecy, or in CBC mode (RFC 9325, §4.2). */
const weakCiphers =
  'AES128-SHA:AES256-SHA:AES128-SHA256:AES256-SHA256:AES128-GCM-SHA256:AES256-GCM-SHA384:ECDHE-RSA-AES128-SHA:ECDHE-RSA-AES256-SHA:ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA:DES-CBC3-SHA';
const loopback = /^(?:127\.\d+\.\d+\.\d+|::1|localhost)$/;

/** The loopback, or an address that the kernel delivers over it. */
function isOwn(address: string): boolean {
  if (loopback.test(address)) return true;
  return Object.values(networkInterfaces()).some((all) => all?.some((one) => one.address === address));
}

export const tlsListener = probe({
  name: 'tls-listener',
  summary: 'a handshake with each declared local listener: versions, cipher, certificate',
  arguments: {
    listener: { kind: 'list', what: '`127.0.0.1:443` or `[::1]:443`, with `=name` for the name to ask for' },
    minVersion: {
      kind: 'text',
      what: 'lowest version it may speak',
      default: 'TLSv1.2',
      oneOf: ['TLSv1.2', 'TLSv1.3'],
    },
    warningDays: { kind: 'number', what: 'days that the certificate has to be valid for still', default: 30 },
    ca: { kind: 'text', what: 'PEM file of the authority; none: the authorities of the system', default: null },
    cipher: {
      kind: 'list',
      what: 'allowed cipher suite by its IANA name; none given: those with forward secrecy and AEAD, and no other may be accepted',
    },
    anyChain: { kind: 'switch', what: 'who signed the certificate is not looked at, as where keys are pinned' },
  },
  facts: { listeners: '`{listener, version, cipher, daysLeft}`; null: no handshake' },
  violations: ['nothing-declared', 'no-handshake', 'old-version', 'weak-cipher', 'expires', 'untrusted', 'other-name'],
  root: null,
  async measure(machine, { listener, minVersion, warningDays, ca, cipher, anyChain }) {
    const violations: Violation[] = listener.length === 0 ? [{ what: 'nothing-declared', subject: '--listener' }] : [];
    const authority = ca === null ? null : machine.read(ca);
    if (ca !== null && authority === null) throw new ProbeError('unreadable', `${ca}: is not there`);
    const listeners: { listener: string; version: string | null; cipher: string | null; daysLeft: number | null }[] =
      [];
    for (const one of listener) {
      const to = { ...parseListener(one), ...(authority === null ? {} : { ca: authority }) };
      const seen = await handshake(to);
      const { certificate, version } = seen;
      const daysLeft = certificate ? Math.floor((Date.parse(certificate.validTo) - machine.nowMs) / dayMs) : null;
      listeners.push({ listener: one, version, cipher: seen.cipher, daysLeft });
      const complain = (what: string, observed: Violation['observed'], expected?: Violation['expected']): void => {
        violations.push({
          what,
          subject: one,
          ...(observed === undefined ? {} : { observed }),
          ...(expected === undefined ? {} : { expected }),
        });
      };
      if (seen.problem !== null) {
        complain('no-handshake', seen.problem);
        continue;
      }
      if (
        versions.indexOf(version as (typeof versions)[number]) <
        versions.indexOf(minVersion as (typeof versions)[number])
      )
        complain('old-version', version, minVersion);
      const older = await olderHandshake(to, minVersion);
      if (older?.version) complain('old-version', older.version, minVersion);
      const weaker = cipher.length > 0 ? null : await handshake({ ...to, maxVersion: 'TLSv1.2', ciphers: weakCiphers });
      if (!isStrong(seen, cipher)) complain('weak-cipher', seen.cipher);
      else if (weaker?.cipher) complain('weak-cipher', weaker.cipher);
      if (daysLeft === null || daysLeft < warningDays) complain('expires', daysLeft, warningDays);
      if (!anyChain && seen.untrusted !== null) complain('untrusted', seen.untrusted);
      if (!anyChain && to.servername !== '' && !certificate?.checkHost(to.servername))
        complain('other-name', certificate?.subjectAltName ?? null, to.servername);
    }
    return { facts: { listeners }, violations };
  },
});

/** Whether it also speaks what is below the minimum. */
function olderHandshake(to: ReturnType<typeof parseListener>, minVersion: string): Promise<Handshake | null> {
  const below = versions[versions.indexOf(minVersion as (typeof versions)[number]) - 1];
  return below === undefined ? Promise.resolve(null) : handshake({ ...to, maxVersion: below });
}

function isStrong({ version, cipher }: Handshake, allowed: readonly string[]): boolean {
  if (allowed.length > 0) return allowed.includes(cipher ?? '');
  return version === 'TLSv1.3' || /^TLS_ECDHE_.*_(?:GCM|POLY1305)_/.test(cipher ?? '');
}

export function parseListener(text: string): {
  readonly address: string;
  readonly port: number;
  readonly servername: string;
} {
  const [, six, four, port = '', servername = ''] =
    /^(?:\[([^\]]+)\]|([^:=]+)):(\d{1,5})(?:=([A-Za-z0-9.-]+))?$/.exec(text) ?? [];
  const address = six ?? four ?? '';
  if (!isOwn(address))
    throw new ProbeError('bad-arguments', `--listener: expected an address of this machine and a port, got ${text}`);
  return { address, port: Number(port), servername };
}
