import { ProbeError } from '../errors.ts';
import { probe, type Violation } from '../probe.ts';

interface DoasRule {
  readonly action: string;
  readonly options: readonly string[];
  readonly identity: string;
  readonly as: string | null;
  readonly command: string | null;
  readonly hasArguments: boolean;
  readonly text: string;
}

/** doas.conf(5). */
export function parseDoas(text: string): DoasRule[] {
  return text
    .replaceAll('\\\n', ' ')
    .split('\n')
    .map((line) => line.replace(/(^|\s)#.*$/, '').trim())
    .filter(Boolean)
    .map((line) => {
      const words = [...line.matchAll(/\{[^}]*\}|"[^"]*"|\S+/g)].map(([one]) => one);
      const action = words.shift() ?? '';
      if (action !== 'permit' && action !== 'deny')
        throw new ProbeError('malformed', `doas.conf: ${line.slice(0, 80)}`);
      const options: string[] = [];
      while (['nopass', 'persist', 'keepenv', 'nolog', 'setenv'].includes(words[0] ?? '')) {
        options.push(words.shift() ?? '');
        if (words[0]?.startsWith('{')) words.shift();
      }
      const identity = words.shift() ?? '';
      const after = (word: string): string | null => {
        const at = words.indexOf(word);
        return at === -1 ? null : (words[at + 1] ?? null);
      };
      return {
        action,
        options,
        identity,
        as: after('as'),
        command: after('cmd'),
        hasArguments: words.includes('args'),
        text: line,
      };
    });
}

export const doas = probe({
  name: 'doas',
  summary: 'who may become whom by doas',
  arguments: {
    group: { kind: 'list', what: 'group that alone may have rules, without `:`; default wheel and sudo' },
    anyCommand: { kind: 'switch', what: 'members of the group may run everything' },
    explicitArguments: { kind: 'switch', what: 'each command has to say which arguments it takes' },
  },
  facts: { rules: 'rules' },
  violations: ['other-who', 'no-password', 'keeps-environment', 'no-log', 'any-command', 'no-arguments', 'negation'],
  root: '/etc/doas.conf',
  measure(machine, { group, anyCommand, explicitArguments }) {
    const text = machine.read('/etc/doas.conf');
    if (text === null) return { notApplicable: 'not-used', detail: 'there is no /etc/doas.conf' };
    const rules = parseDoas(text);
    const groups = group.length > 0 ? group : ['wheel', 'sudo'];
    const violations: Violation[] = [];
    for (const rule of rules) {
      if (rule.identity === 'root' && rule.action === 'permit') continue;
      const subject = rule.text;
      // The last rule that matches holds: a deny is an exception from a permit.
      if (rule.action === 'deny') {
        violations.push({ what: 'negation', subject });
        continue;
      }
      if (!rule.identity.startsWith(':')) violations.push({ what: 'other-who', user: rule.identity });
      else if (!groups.includes(rule.identity.slice(1))) violations.push({ what: 'other-who', subject: rule.identity });
      if (rule.options.includes('nopass')) violations.push({ what: 'no-password', subject });
      if (rule.options.includes('keepenv')) violations.push({ what: 'keeps-environment', subject });
      if (rule.options.includes('nolog')) violations.push({ what: 'no-log', subject });
      if (rule.command === null && !anyCommand) violations.push({ what: 'any-command', subject });
      if (rule.command !== null && explicitArguments && !rule.hasArguments)
        violations.push({ what: 'no-arguments', subject });
    }
    return { facts: { rules: rules.length }, violations };
  },
});
