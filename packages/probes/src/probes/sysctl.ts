import { inContainer } from '../container.ts';
import { ProbeError } from '../errors.ts';
import type { Machine } from '../machine.ts';
import { readMounts } from '../mounts.ts';
import { probe, type Violation } from '../probe.ts';

/** `name op value`, as in `kernel.kptr_restrict=2`, `kernel.yama.ptrace_scope>=1`, `net.ipv4.ip_local_port_range=32768 65535`. */
export interface SysctlWant {
  readonly key: string;
  readonly operator: '=' | '>=' | '<=' | '!=';
  readonly value: string;
  /** Passes where the kernel was built without it. */
  readonly isOptional: boolean;
}

const want = /^([a-z0-9_./*-]+?)(\?)?(>=|<=|!=|=)(.+)$/i;
/** A value is a number or words. */
const number = /^-?\d{1,15}$/;
/** Interfaces of one machine at most; more is an error. */
const interfacesMax = 4096;

export function parseWant(text: string): SysctlWant {
  const [, key, optional, operator, value] = want.exec(text) ?? [];
  if (key === undefined || key.includes('..') || value === undefined)
    throw new ProbeError('bad-arguments', `--expect: expected name=value, >=, <= or !=, got ${text}`);
  return { key, operator: operator as SysctlWant['operator'], value: value.trim(), isOptional: optional === '?' };
}

export function satisfies({ operator, value }: SysctlWant, observed: string): boolean {
  const seen = observed.trim().replaceAll(/\s+/g, ' ');
  if (operator === '=') return seen === value;
  if (operator === '!=') return seen !== value;
  if (!number.test(seen) || !number.test(value)) return false;
  return operator === '>=' ? Number(seen) >= Number(value) : Number(seen) <= Number(value);
}

/**
 * How the kernel joins an IPv4 setting of `all` with an interface's own (include/linux/inetdevice.h): the larger, the
 * smaller; those not named here are the interface's alone, as all of IPv6 is.
 */
const joined: ReadonlyMap<string, 'larger' | 'smaller'> = new Map([
  ...[
    ...['accept_local', 'arp_filter', 'arp_ignore', 'arp_announce', 'drop_gratuitous_arp', 'log_martians', 'proxy_arp'],
    ...['route_localnet', 'rp_filter', 'secure_redirects', 'send_redirects', 'shared_media'],
  ].map((name) => [name, 'larger'] as const),
  ['accept_source_route', 'smaller'],
]);

interface Place {
  readonly subject: string;
  readonly path: string;
  /** Of `all`, where the kernel joins it with the interface's. */
  readonly allPath: string | null;
}

/** The files of a key; `*` stands for every interface that is there, the loopback, `all` and `default` apart. */
function placesOf(machine: Machine, key: string): Place[] {
  // A name may hold dots, as a VLAN's does; sysctl.d(5): the first separator decides.
  const parts = key.includes('/') ? key.split('/') : key.split('.');
  const star = parts.indexOf('*');
  const base = `/proc/sys/${parts.slice(0, star === -1 ? parts.length : star).join('/')}`;
  const subjectOf = (path: string): string => path.slice('/proc/sys/'.length).replaceAll('/', '.');
  if (star === -1) return [{ subject: subjectOf(base), path: base, allPath: null }];
  const names = (machine.list(base) ?? []).filter((name) => !['all', 'default', 'lo'].includes(name));
  if (names.length > interfacesMax) throw new ProbeError('oversized', `${base}: more than ${interfacesMax} interfaces`);
  const rest = parts.slice(star + 1).join('/');
  return names.map((name) => {
    const path = `${base}/${name}/${rest}`;
    return { subject: subjectOf(path), path, allPath: key.startsWith('net.ipv4.') ? `${base}/all/${rest}` : null };
  });
}

/** What holds at a place; null: the kernel has no such setting. */
function valueAt(machine: Machine, { path, allPath }: Place): string | null {
  const own = machine.read(path)?.trim() ?? null;
  const leaf = path.slice(path.lastIndexOf('/') + 1);
  if (own === null || allPath === null) return own;
  const all = machine.read(allPath)?.trim() ?? own;
  if (!number.test(own) || !number.test(all)) return own;
  let how = joined.get(leaf);
  if (leaf === 'accept_redirects') {
    // Of a router, both; of any other host, one is enough.
    const forwarding = machine.read(path.replace(/accept_redirects$/, 'forwarding'))?.trim();
    how = forwarding === '1' ? 'smaller' : 'larger';
  }
  if (how === undefined) return own;
  return String(how === 'larger' ? Math.max(Number(own), Number(all)) : Math.min(Number(own), Number(all)));
}

export const sysctl = probe({
  name: 'sysctl',
  summary: 'values in /proc/sys, for each interface too',
  arguments: {
    expect: {
      kind: 'list',
      what: '`name=value`, `name>=value`, `name<=value`, `name!=value`; `name?=…` passes where the kernel has no such setting; `*` for each interface',
    },
    hidepid: { kind: 'switch', what: '/proc has to hide processes of others' },
  },
  facts: {
    notMeasured: "settings of the host's kernel, which a container leaves to the host",
    checked: 'values that were read',
    unbuilt: 'optional settings that the kernel has not',
  },
  violations: ['value', 'missing', 'hidepid'],
  root: 'some settings can be read by root only',
  measure(machine, { expect, hidepid }) {
    if (expect.length === 0) throw new ProbeError('bad-arguments', '--expect: must be given');
    const wants = expect.map(parseWant);
    const elsewhere = inContainer(machine, 'the kernel');
    // Of all settings, these alone are a container's own.
    const own = wants.filter(({ key }) => elsewhere === null || /^net[./]ipv[46][./]/.test(key));
    if (elsewhere !== null && own.length === 0) return elsewhere;
    const violations: Violation[] = [];
    const unbuilt: string[] = [];
    let checked = 0;
    for (const one of own) {
      for (const place of placesOf(machine, one.key)) {
        const observed = valueAt(machine, place);
        const { subject } = place;
        const expected = one.operator === '=' ? one.value : `${one.operator} ${one.value}`;
        if (observed === null) {
          if (one.isOptional) unbuilt.push(subject);
          else violations.push({ what: 'missing', subject, observed: null, expected });
          continue;
        }
        checked++;
        if (!satisfies(one, observed)) violations.push({ what: 'value', subject, observed: observed.trim(), expected });
      }
    }
    if (hidepid && elsewhere === null) {
      const options = readMounts(machine).get('/proc')?.options ?? new Set();
      if (!['hidepid=2', 'hidepid=invisible', 'hidepid=ptraceable', 'hidepid=4'].some((one) => options.has(one)))
        violations.push({ what: 'hidepid', subject: '/proc', observed: null, expected: 'hidepid=invisible' });
    }
    return { facts: { notMeasured: wants.length - own.length, checked, unbuilt }, violations };
  },
});
