import { allViolations, lookArgument, lookedAt } from '../aspects.ts';
import { probe, type Violation } from '../probe.ts';
import { isAnyCommand, readSudoers } from '../sudoers.ts';

const wanted: Readonly<Record<string, string>> = {
  use_pty: 'on',
  noexec: 'on',
  requiretty: 'on',
  env_reset: 'on',
  ignore_dot: 'on',
  umask: '0077',
};
/** What sudo does where nobody says otherwise (sudoers(5), 1.9.14 for use_pty). */
const builtIn: Readonly<Record<string, string>> = { env_reset: 'on' };

/** Programs that start others, or write any file. */
const editors = /\/(?:n?vim?|nano|emacs|ed|mcedit|pico|joe)(?:\s|$)/;

const aspects = {
  who: ['other-who'],
  settings: ['setting', 'scoped-setting'],
  negation: ['negation'],
  commands: ['any-command', 'no-arguments'],
  editors: ['editor'],
  targets: ['becomes-root'],
  password: ['no-password'],
  file: ['writable'],
};

export const sudo = probe({
  name: 'sudo',
  summary: 'who may become whom by sudo, and with what precautions',
  arguments: {
    look: lookArgument(aspects),
    group: { kind: 'list', what: 'group that alone may have rules, without %; default wheel and sudo' },
    setting: {
      kind: 'list',
      what: 'precaution that has to be on: use_pty, noexec, requiretty, env_reset, ignore_dot, umask; none given: all',
    },
    anyCommand: { kind: 'switch', what: 'members of the group may run everything' },
    explicitArguments: { kind: 'switch', what: 'each command has to say which arguments it takes' },
  },
  facts: { rules: 'rules', defaults: 'precautions as they hold' },
  violations: allViolations(aspects),
  root: '/etc/sudoers',
  measure(machine, { look, group, setting, anyCommand, explicitArguments }) {
    if (!machine.status('/etc/sudoers')) return { notApplicable: 'not-used', detail: 'there is no /etc/sudoers' };
    const { defaults, scoped, rules } = readSudoers(machine);
    const groups = group.length > 0 ? group : ['wheel', 'sudo'];
    const violations: Violation[] = [];
    const held: Record<string, string> = {};
    for (const name of setting.length > 0 ? setting : Object.keys(wanted)) {
      const value = defaults.get(name) ?? builtIn[name] ?? 'off';
      held[name] = value;
      const right = wanted[name] ?? 'on';
      const isRight = name === 'umask' ? Number.parseInt(value, 8) === 0o077 : value === right;
      if (!isRight) violations.push({ what: 'setting', subject: name, observed: value, expected: right });
      for (const line of scoped)
        if (new RegExp(`!\\s*${name}\\b`).test(line))
          violations.push({ what: 'scoped-setting', subject: name, observed: line });
    }
    for (const { who, tags, commands, runAs, text } of rules) {
      if (who.length === 1 && who[0] === 'root') continue;
      for (const one of who)
        if (!groups.includes(one.replace(/^%/, '')) || !one.startsWith('%'))
          violations.push(
            /^[%+:#!]/.test(one) || one === 'ALL'
              ? { what: 'other-who', subject: one }
              : { what: 'other-who', user: one },
          );
      if (tags.includes('NOPASSWD')) violations.push({ what: 'no-password', subject: text });
      if (tags.includes('EXEC')) violations.push({ what: 'scoped-setting', subject: 'noexec', observed: text });
      const isAdministrators = who.every((one) => one.startsWith('%') && groups.includes(one.slice(1)));
      if (
        !isAdministrators &&
        runAs
          .split(':')[0]
          ?.split(/\s*,\s*/)
          .some((one) => one === 'root' || one === 'ALL' || one === '#0')
      )
        violations.push({ what: 'becomes-root', subject: text });
      for (const command of commands) {
        if (editors.test(command)) violations.push({ what: 'editor', subject: text, observed: command });
        if (command.startsWith('!') || runAs.includes('!')) violations.push({ what: 'negation', subject: text });
        else if (isAnyCommand(command) && !(anyCommand && isAdministrators && command === 'ALL'))
          violations.push({ what: 'any-command', subject: text, observed: command });
        else if (explicitArguments && command !== 'ALL' && (!/\s/.test(command) || /\s\S*\*/.test(command)))
          violations.push({ what: 'no-arguments', subject: text, observed: command });
      }
    }
    const status = machine.status('/etc/sudoers', { follow: true });
    if (status && ((status.mode & 0o022) !== 0 || status.uid !== 0))
      violations.push({ what: 'writable', subject: '/etc/sudoers', observed: status.mode.toString(8) });
    return { facts: { rules: rules.length, defaults: held }, violations: lookedAt(aspects, look, violations) };
  },
});
