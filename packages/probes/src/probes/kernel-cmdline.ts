import { required } from '../accounts.ts';
import { inContainer } from '../container.ts';
import { ProbeError } from '../errors.ts';
import { isOlder } from '../kernel-release.ts';
import type { Machine } from '../machine.ts';
import { probe, type Violation } from '../probe.ts';

/** What the kernel says of each vulnerability of the processor. */
function readVulnerabilities(machine: Machine): Readonly<Record<string, string>> {
  const folder = '/sys/devices/system/cpu/vulnerabilities';
  const names = machine.list(folder);
  if (names === null) throw new ProbeError('unreadable', `${folder}: is not there`);
  return Object.fromEntries(names.map((name) => [name, machine.read(`${folder}/${name}`)?.trim() ?? '']));
}

export const kernelCmdline = probe({
  name: 'kernel-cmdline',
  summary: 'whole words of the command line that the running kernel was started with',
  arguments: {
    expect: {
      kind: 'list',
      what: 'word that has to be there; alternatives divided by `|`; `<5.18:mce=0` only before that kernel, `>=6.17:…` only from it on',
    },
    forbid: { kind: 'list', what: 'word that must not be there; `name=` for any value' },
    iommu: { kind: 'switch', what: '/sys/class/iommu has to hold one' },
    vulnerabilities: { kind: 'switch', what: 'the kernel may know of no vulnerability that it does not mitigate' },
    cpu: { kind: 'text', what: 'only on processors of this maker', default: null, oneOf: ['intel', 'amd'] },
  },
  facts: {
    words: 'the words',
    kernel: 'release of the kernel',
    iommus: 'IOMMUs in use',
    vulnerabilities: 'what the kernel says of each; null: not asked',
  },
  violations: ['missing-word', 'forbidden-word', 'no-iommu', 'vulnerable'],
  root: null,
  measure(machine, { expect, forbid, iommu, vulnerabilities, cpu }) {
    const elsewhere = inContainer(machine, 'the kernel');
    if (elsewhere) return elsewhere;
    if (cpu !== null) {
      const vendor = /^vendor_id\s*:\s*(\S+)/m.exec(machine.read('/proc/cpuinfo') ?? '')?.[1] ?? '';
      if (vendor !== (cpu === 'intel' ? 'GenuineIntel' : 'AuthenticAMD'))
        return { notApplicable: 'other-architecture', detail: `the processor is of ${vendor || 'an unknown maker'}` };
    }
    const words = required(machine, '/proc/cmdline').trim().split(/\s+/);
    const kernel = required(machine, '/proc/sys/kernel/osrelease').trim();
    const violations: Violation[] = [];
    for (const one of expect) {
      const [, operator, version = '', wanted = one] = /^(<|>=)([\d.]+):(.*)$/.exec(one) ?? [];
      if (operator !== undefined && isOlder(kernel, version) !== (operator === '<')) continue;
      if (!wanted.split('|').some((word) => words.includes(word)))
        violations.push({ what: 'missing-word', subject: wanted });
    }
    for (const one of forbid)
      for (const word of words)
        if (word === one || (one.endsWith('=') && word.startsWith(one)))
          violations.push({ what: 'forbidden-word', subject: word });
    const iommus = machine.list('/sys/class/iommu')?.length ?? 0;
    if (iommu && iommus === 0) violations.push({ what: 'no-iommu', subject: '/sys/class/iommu' });
    const known = vulnerabilities ? readVulnerabilities(machine) : null;
    for (const [subject, observed] of Object.entries(known ?? {}))
      if (/vulnerable/i.test(observed.replaceAll(/not vulnerable/gi, '')))
        violations.push({ what: 'vulnerable', subject, observed });
    return { facts: { words, kernel, iommus, vulnerabilities: known }, violations };
  },
});
