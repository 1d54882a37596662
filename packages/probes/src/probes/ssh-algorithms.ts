import { probe, type Violation } from '../probe.ts';
import { effectiveSettings, sshdViolations } from '../sshd-contexts.ts';
import { settingOf, sshdConfigPath } from '../sshd-settings.ts';

const kinds = {
  kex: 'kexalgorithms',
  cipher: 'ciphers',
  mac: 'macs',
  hostKey: 'hostkeyalgorithms',
} as const;

export const sshAlgorithms = probe({
  name: 'ssh-algorithms',
  summary: 'algorithms that sshd offers, against those allowed',
  arguments: {
    config: { kind: 'text', what: 'configuration of sshd', default: sshdConfigPath },
    kex: { kind: 'list', what: 'allowed key exchange; none given: not looked at' },
    cipher: { kind: 'list', what: 'allowed cipher' },
    mac: { kind: 'list', what: 'allowed MAC' },
    hostKey: { kind: 'list', what: 'allowed algorithm of host keys' },
  },
  facts: {
    kex: 'offered key exchanges',
    ciphers: 'offered ciphers',
    macs: 'offered MACs',
    hostKeys: 'offered algorithms of host keys',
  },
  violations: [...sshdViolations, 'algorithm'],
  root: 'sshd -T reads the host keys',
  async measure(machine, { config, ...allowed }) {
    if (machine.status(config) === null && !machine.has('sshd'))
      return { notApplicable: 'not-used', detail: `there is neither ${config} nor sshd` };
    const { effective, violations: found } = await effectiveSettings(machine, config);
    const violations: Violation[] = [...found];
    // None of these can differ between connections (sshd_config(5), Match).
    const settings = effective[0]?.settings ?? new Map();
    const offered = (name: keyof typeof kinds): string[] => settingOf(settings, kinds[name]).split(',').sort();
    for (const name of Object.keys(kinds) as (keyof typeof kinds)[])
      for (const algorithm of offered(name))
        if (allowed[name].length > 0 && !allowed[name].includes(algorithm))
          violations.push({ what: 'algorithm', subject: kinds[name], observed: algorithm });
    return {
      facts: { kex: offered('kex'), ciphers: offered('cipher'), macs: offered('mac'), hostKeys: offered('hostKey') },
      violations,
    };
  },
});
