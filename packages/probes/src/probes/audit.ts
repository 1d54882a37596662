import { inContainer } from '../container.ts';
import { ProbeError } from '../errors.ts';
import { keyValues } from '../key-values.ts';
import { probe, type Violation } from '../probe.ts';

const rulesMax = 4096;

/** `auditctl -s`: a name and a number each line. */
export function parseAuditStatus(text: string): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  for (const [, name = '', value = ''] of text.matchAll(/^(\w+) (\d+)\b/gm)) found.set(name, Number(value));
  return found;
}

/**
 * A rule in one of the ways of writing it: `-w path -p perms -k key` is a syscall-free watch and comes back as
 * `-a always,exit -F path=…` from some versions; fields may stand in any order, syscalls one or several an `-S`. The key says
 * nothing of what is watched and is left out.
 */
export function normalisedRule(text: string): string {
  const words = text.trim().split(/\s+/);
  const parts = new Set<string>();
  for (let at = 0; at < words.length; at++) {
    const flag = words[at] ?? '';
    const value = words[at + 1] ?? '';
    at++;
    if (flag === '-w') {
      parts.add('list=always,exit');
      parts.add(`path=${value.replace(/(.)\/$/, '$1')}`);
    } else if (flag === '-p') parts.add(`perm=${[...value].sort().join('')}`);
    else if (flag === '-a' || flag === '-A') parts.add(`list=${listOf(value)}`);
    else if (flag === '-S') for (const call of value.split(',')) if (call !== 'all') parts.add(`call=${call}`);
    if (flag === '-F' || flag === '-C') {
      const [, name = '', operator = '', operand = ''] = /^([a-z_0-9]+)(!=|>=|<=|&=|=|>|<|&)(.*)$/.exec(value) ?? [];
      if (name === 'dir' || name === 'path') parts.add(`path${operator}${operand.replace(/(.)\/$/, '$1')}`);
      else if (name === 'perm') parts.add(`perm${operator}${[...operand].sort().join('')}`);
      else if (name !== 'key') parts.add(`${name}${operator}${plainOperand(name, operand)}`);
    }
  }
  if (![...parts].some((part) => part.startsWith('path') && part.includes('=')) || !parts.has('list=always,exit'))
    return [...parts].sort().join(' ');
  // A watch without permissions watches all of them.
  if (![...parts].some((part) => part.startsWith('perm'))) parts.add('perm=arwx');
  return [...parts].sort().join(' ');
}

function listOf(value: string): string {
  return value.split(',').sort().reverse().includes('always')
    ? `always,${value.split(',').find((one) => one !== 'always')}`
    : value;
}

/** auditctl prints an unset login id as -1, and people write 4294967295 or unset. */
function plainOperand(name: string, operand: string): string {
  return /uid$/.test(name) && ['unset', '4294967295'].includes(operand) ? '-1' : operand;
}

export const audit = probe({
  name: 'audit',
  summary: 'that the kernel audits, loses nothing, and has the declared rules',
  arguments: {
    rule: { kind: 'list', what: 'declared rule, as auditctl takes it' },
    rotation: { kind: 'switch', what: 'auditd.conf has to rotate or keep its logs, and act before its disk is full' },
  },
  facts: {
    enabled: '0: off, 1: on, 2: locked until the next boot',
    pid: 'process of auditd; 0: none',
    lost: 'records lost since boot',
    loadedRules: 'rules in the kernel',
    missingRules: 'declared ones that are not',
  },
  violations: ['disabled', 'no-daemon', 'lost', 'missing-rule', 'rotation', 'disk-full-action'],
  root: 'the audit subsystem answers root only',
  async measure(machine, { rule, rotation }) {
    const elsewhere = inContainer(machine, 'the audit subsystem');
    if (elsewhere) return elsewhere;
    const status = parseAuditStatus((await machine.run(['auditctl', '-s'])).stdout);
    const numberOf = (name: string): number => {
      const value = status.get(name);
      if (value === undefined) throw new ProbeError('malformed', `auditctl -s says nothing of ${name}`);
      return value;
    };
    const loaded = (await machine.run(['auditctl', '-l'])).stdout.split('\n').filter((line) => line.startsWith('-'));
    if (loaded.length > rulesMax) throw new ProbeError('oversized', `auditctl -l: more than ${rulesMax} rules`);
    const kernel = new Set(loaded.map(normalisedRule));
    const missing = rule.filter((one) => !kernel.has(normalisedRule(one)));
    const violations: Violation[] = [];
    if (numberOf('enabled') < 1)
      violations.push({ what: 'disabled', subject: 'enabled', observed: numberOf('enabled'), expected: 1 });
    if (numberOf('pid') === 0) violations.push({ what: 'no-daemon', subject: 'auditd', observed: 0 });
    if (numberOf('lost') > 0)
      violations.push({ what: 'lost', subject: 'lost', observed: numberOf('lost'), expected: 0 });
    for (const one of missing) violations.push({ what: 'missing-rule', subject: one });
    if (rotation) {
      const config = keyValues(machine.read('/etc/audit/auditd.conf') ?? '');
      const action = (config.get('max_log_file_action') ?? 'rotate').toLowerCase();
      if (!['rotate', 'keep_logs'].includes(action))
        violations.push({ what: 'rotation', subject: 'max_log_file_action', observed: action, expected: 'rotate' });
      for (const name of ['space_left_action', 'admin_space_left_action', 'disk_full_action']) {
        const value = (config.get(name) ?? 'ignore').toLowerCase();
        if (value === 'ignore') violations.push({ what: 'disk-full-action', subject: name, observed: value });
      }
    }
    return {
      facts: {
        enabled: numberOf('enabled'),
        pid: numberOf('pid'),
        lost: numberOf('lost'),
        loadedRules: loaded.length,
        missingRules: missing,
      },
      violations,
    };
  },
});
