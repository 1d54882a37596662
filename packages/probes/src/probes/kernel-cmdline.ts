import { required } from '../accounts.ts';
import { inContainer } from '../container.ts';
import { isOlder } from '../kernel-release.ts';
import { probe, type Violation } from '../probe.ts';

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
    cpu: { kind: 'text', what: 'only on processors of this maker', default: null, oneOf: ['intel', 'amd'] },
  },
  facts: { words: 'the words', kernel: 'release of the kernel', iommus: 'IOMMUs in use' },
  violations: ['missing-word', 'forbidden-word', 'no-iommu'],
  root: null,
  measure(machine, { expect, forbid, iommu, cpu }) {
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
    return { facts: { words, kernel, iommus }, violations };
  },
});
