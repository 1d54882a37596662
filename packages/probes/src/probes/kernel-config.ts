import { gunzipSync } from 'node:zlib';
import { required } from '../accounts.ts';
import { inContainer } from '../container.ts';
import { ProbeError } from '../errors.ts';
import { isOlder } from '../kernel-release.ts';
import type { Machine } from '../machine.ts';
import { probe, type Violation } from '../probe.ts';

const configBytesMax = 4 * 1024 * 1024;

export function parseKernelConfig(text: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [, name, value] = /^(CONFIG_\w+)=(.*)$/.exec(line) ?? [];
    if (name !== undefined && value !== undefined) found.set(name, value.replace(/^"(.*)"$/, '$1'));
    const off = /^# (CONFIG_\w+) is not set$/.exec(line)?.[1];
    if (off !== undefined) found.set(off, 'n');
  }
  return found;
}

function readConfig(machine: Machine, release: string): string {
  const packed = machine.readBytes('/proc/config.gz');
  if (packed !== null)
    try {
      return gunzipSync(packed, { maxOutputLength: configBytesMax }).toString('latin1');
    } catch (error) {
      throw new ProbeError('malformed', '/proc/config.gz: expected at most 4 MiB, packed by gzip', { cause: error });
    }
  const text = machine.read(`/boot/config-${release}`) ?? machine.read('/run/booted-system/kernel-modules/config');
  if (text === null)
    throw new ProbeError('unreadable', 'neither /proc/config.gz nor /boot/config of this kernel is there');
  return text;
}

export const kernelConfig = probe({
  name: 'kernel-config',
  summary: 'how the running kernel was built',
  arguments: {
    expect: {
      kind: 'list',
      what: '`CONFIG_X=y`; values divided by `|`; `n` for not set; `<5.18:CONFIG_X=y`, `>=6.17:…` by kernel',
    },
  },
  facts: { kernel: 'release of the kernel', checked: 'options that were looked at' },
  violations: ['option'],
  root: null,
  measure(machine, { expect }) {
    const elsewhere = inContainer(machine, 'the kernel');
    if (elsewhere) return elsewhere;
    const kernel = required(machine, '/proc/sys/kernel/osrelease').trim();
    const config = parseKernelConfig(readConfig(machine, kernel));
    if (config.size === 0) throw new ProbeError('malformed', 'the configuration of the kernel names no option');
    const violations: Violation[] = [];
    let checked = 0;
    for (const one of expect) {
      const [, operator, version = '', name, values] = /^(?:(<|>=)([\d.]+):)?(CONFIG_\w+)=(.+)$/.exec(one) ?? [];
      if (name === undefined || values === undefined)
        throw new ProbeError('bad-arguments', `--expect: expected CONFIG_X=y, got ${one}`);
      if (operator !== undefined && isOlder(kernel, version) !== (operator === '<')) continue;
      checked++;
      const observed = config.get(name) ?? 'n';
      if (!values.split('|').includes(observed))
        violations.push({ what: 'option', subject: name, observed, expected: values });
    }
    return { facts: { kernel, checked }, violations };
  },
});
