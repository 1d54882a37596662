import { inContainer } from '../container.ts';
import { ProbeError } from '../errors.ts';
import { probe, type Violation } from '../probe.ts';

const folder = '/sys/devices/system/cpu/vulnerabilities';

export const cpuVulnerabilities = probe({
  name: 'cpu-vulnerabilities',
  summary: 'that the kernel knows of no vulnerability of the processor which it does not mitigate',
  arguments: {},
  facts: { vulnerabilities: 'what the kernel says of each' },
  violations: ['vulnerable'],
  root: null,
  measure(machine) {
    const elsewhere = inContainer(machine, 'the processor');
    if (elsewhere) return elsewhere;
    const names = machine.list(folder);
    if (names === null) throw new ProbeError('unreadable', `${folder}: is not there`);
    const found = Object.fromEntries(names.map((name) => [name, machine.read(`${folder}/${name}`)?.trim() ?? '']));
    const violations = Object.entries(found)
      .filter(([, says]) => /vulnerable/i.test(says.replaceAll(/not vulnerable/gi, '')))
      .map(([subject, observed]): Violation => ({ what: 'vulnerable', subject, observed }));
    return { facts: { vulnerabilities: found }, violations };
  },
});
