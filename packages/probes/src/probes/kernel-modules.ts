import { required } from '../accounts.ts';
import { inContainer } from '../container.ts';
import { probe, type Violation } from '../probe.ts';

/** Modules have both spellings of one name. */
const plain = (name: string): string => name.replaceAll('-', '_');

export const kernelModules = probe({
  name: 'kernel-modules',
  summary: 'that modules are not loaded and cannot be loaded by what is plugged in',
  arguments: {
    forbid: { kind: 'list', what: 'module' },
    blacklisted: { kind: 'switch', what: 'they have to stand in modprobe.d too' },
  },
  facts: { loaded: 'forbidden ones that are loaded', notBlacklisted: 'forbidden ones that modprobe.d does not name' },
  violations: ['loaded', 'not-blacklisted'],
  root: null,
  measure(machine, { forbid, blacklisted }) {
    const elsewhere = inContainer(machine, 'the kernel');
    if (elsewhere) return elsewhere;
    const running = new Set(
      required(machine, '/proc/modules')
        .split('\n')
        .map((line) => plain(line.split(' ')[0] ?? '')),
    );
    const named = new Set<string>();
    for (const folder of ['/etc/modprobe.d', '/run/modprobe.d', '/usr/lib/modprobe.d', '/lib/modprobe.d'])
      for (const file of machine.list(folder) ?? [])
        for (const [, listed, installed] of (machine.read(`${folder}/${file}`) ?? '').matchAll(
          /^\s*(?:blacklist\s+(\S+)|install\s+(\S+)\s+\S*\/(?:true|false)\b)/gm,
        ))
          named.add(plain(listed ?? installed ?? ''));
    const loaded = forbid.filter((name) => running.has(plain(name)));
    const notBlacklisted = forbid.filter((name) => !named.has(plain(name)));
    const violations: Violation[] = loaded.map((subject) => ({ what: 'loaded', subject }));
    if (blacklisted) for (const subject of notBlacklisted) violations.push({ what: 'not-blacklisted', subject });
    return { facts: { loaded, notBlacklisted }, violations };
  },
});
