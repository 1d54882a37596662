import { inContainer } from '../container.ts';
import { probe, type Violation } from '../probe.ts';

const profilesFile = '/sys/kernel/security/apparmor/profiles';

export const apparmor = probe({
  name: 'apparmor',
  summary: 'that AppArmor enforces: profiles that are loaded, and processes that have one',
  arguments: {
    profile: { kind: 'list', what: 'profile that has to be loaded and enforce' },
    complain: { kind: 'switch', what: 'others may complain only' },
  },
  facts: {
    enabled: 'whether the kernel has it on',
    enforcing: 'profiles that enforce',
    complaining: 'profiles that only complain',
  },
  violations: ['off', 'no-profile', 'complains', 'missing-profile'],
  root: 'securityfs',
  measure(machine, { profile, complain }) {
    const elsewhere = inContainer(machine, 'mandatory access control');
    if (elsewhere) return elsewhere;
    const enabled = machine.read('/sys/module/apparmor/parameters/enabled')?.trim() === 'Y';
    const modes = new Map<string, string>();
    for (const [, name = '', mode = ''] of (enabled ? (machine.read(profilesFile) ?? '') : '').matchAll(
      /^(.*) \((\w+)\)$/gm,
    ))
      modes.set(name, mode);
    const violations: Violation[] = [];
    if (!enabled) violations.push({ what: 'off', subject: 'apparmor' });
    const enforcing = [...modes].filter(([, mode]) => mode === 'enforce' || mode === 'kill').map(([name]) => name);
    const complaining = [...modes.keys()].filter((name) => !enforcing.includes(name));
    if (enabled && enforcing.length === 0) violations.push({ what: 'no-profile', subject: 'apparmor' });
    for (const name of profile)
      if (!enforcing.includes(name))
        violations.push({
          what: 'missing-profile',
          subject: name,
          observed: modes.get(name) ?? null,
          expected: 'enforce',
        });
    if (!complain)
      for (const name of complaining)
        violations.push({ what: 'complains', subject: name, observed: modes.get(name) ?? null, expected: 'enforce' });
    return { facts: { enabled, enforcing: enforcing.length, complaining: complaining.slice(0, 64) }, violations };
  },
});
