import { probe, type Violation } from '../probe.ts';
import { effectiveSettings, sshdViolations } from '../sshd-contexts.ts';
import { settingOf, sshdConfigPath } from '../sshd-settings.ts';

export const sshCa = probe({
  name: 'ssh-ca',
  summary: 'that people log in with certificates of the declared SSH authority, and with nothing else',
  arguments: {
    config: { kind: 'text', what: 'configuration of sshd', default: sshdConfigPath },
    fingerprint: { kind: 'list', what: 'SHA256:… of each key of the authority; none given: any' },
  },
  facts: {
    trustedKeys: 'fingerprints in TrustedUserCAKeys',
    contexts: 'kinds of connections that were asked about',
  },
  violations: [...sshdViolations, 'no-authority', 'other-authority', 'plain-keys', 'no-revocations'],
  root: 'sshd -T reads the host keys',
  async measure(machine, { config, fingerprint }) {
    const { effective, violations: found } = await effectiveSettings(machine, config);
    const violations: Violation[] = [...found];
    const trusted = new Set<string>();
    for (const { context, settings } of effective) {
      const about = { user: context.user, address: context.addr };
      const file = settingOf(settings, 'trustedusercakeys');
      if (file === 'none') violations.push({ what: 'no-authority', subject: 'TrustedUserCAKeys', ...about });
      else {
        const { stdout } = await machine.run(['ssh-keygen', '-l', '-f', file]);
        for (const [, print = ''] of stdout.matchAll(/^\d+ (SHA256:\S+)/gm)) trusted.add(print);
      }
      // Keys that people put there themselves are no certificates.
      if (settingOf(settings, 'authorizedkeysfile') !== 'none')
        violations.push({
          what: 'plain-keys',
          subject: 'AuthorizedKeysFile',
          ...about,
          observed: settingOf(settings, 'authorizedkeysfile'),
          expected: 'none',
        });
      if (settingOf(settings, 'revokedkeys') === 'none')
        violations.push({ what: 'no-revocations', subject: 'RevokedKeys', ...about, observed: 'none' });
    }
    for (const print of trusted)
      if (fingerprint.length > 0 && !fingerprint.includes(print))
        violations.push({ what: 'other-authority', subject: print });
    return { facts: { trustedKeys: [...trusted].sort(), contexts: effective.length }, violations };
  },
});
