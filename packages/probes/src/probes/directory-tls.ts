import { keyValues } from '../key-values.ts';
import { probe, type Violation } from '../probe.ts';

/** Of ldap.conf(5), nslcd.conf(5): `keyword value`. */
function keywords(text: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [, name, value] = /^\s*([A-Za-z_]+)\s+(.*?)\s*$/.exec(line) ?? [];
    if (name !== undefined && value !== undefined) found.set(name.toLowerCase(), value);
  }
  return found;
}

export const directoryTls = probe({
  name: 'directory-tls',
  summary: 'that accounts from a directory come over TLS whose peer is verified',
  arguments: {},
  facts: { sources: 'configurations found: sssd, nslcd, ldap' },
  violations: ['plain', 'unverified'],
  root: 'sssd.conf is readable by root only',
  measure(machine) {
    const violations: Violation[] = [];
    const sources: string[] = [];
    const check = (
      source: string,
      uri: string,
      hasStartTls: boolean,
      verify: string | undefined,
      good: readonly string[],
    ): void => {
      sources.push(source);
      for (const one of uri.split(/[\s,]+/).filter(Boolean))
        if (!/^ldaps:|^ldapi:/.test(one) && !hasStartTls)
          violations.push({ what: 'plain', subject: source, observed: one, expected: 'ldaps' });
      if (verify !== undefined && !good.includes(verify.toLowerCase()))
        violations.push({ what: 'unverified', subject: source, observed: verify, expected: good.join(' ') });
    };
    const sssd = machine.read('/etc/sssd/sssd.conf');
    if (sssd !== null) {
      const values = keyValues(sssd);
      const uri = values.get('ldap_uri');
      if (uri !== undefined)
        check(
          'sssd',
          uri,
          values.get('ldap_id_use_start_tls')?.toLowerCase() === 'true',
          values.get('ldap_tls_reqcert') ?? 'hard',
          ['hard', 'demand'],
        );
    }
    for (const [source, file] of [
      ['nslcd', '/etc/nslcd.conf'],
      ['ldap', '/etc/ldap.conf'],
    ] as const) {
      const text = machine.read(file);
      if (text === null) continue;
      const values = keywords(text);
      const verify = values.get('tls_reqcert') ?? values.get('tls_checkpeer') ?? 'demand';
      check(source, values.get('uri') ?? '', /^(?:start_tls|on)$/.test(values.get('ssl') ?? ''), verify, [
        'hard',
        'demand',
        'yes',
        'on',
      ]);
    }
    if (sources.length === 0) return { notApplicable: 'not-used', detail: 'no directory is configured' };
    return { facts: { sources }, violations };
  },
});
