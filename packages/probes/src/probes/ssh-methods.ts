import { secondFactorOf } from '../pam.ts';
import { probe, type Violation } from '../probe.ts';
import { effectiveSettings, sshdViolations } from '../sshd-contexts.ts';
import { type SshdSettings, settingOf, sshdConfigPath } from '../sshd-settings.ts';
import { methodLists } from './ssh-login.ts';

/** Keys that a person has to touch, and with `verify-required` to unlock. */
function needsVerifiedTouch(settings: SshdSettings): boolean {
  const options = (settings.get('pubkeyauthoptions')?.[0] ?? 'none').split(/[\s,]+/);
  const algorithms = settingOf(settings, 'pubkeyacceptedalgorithms').split(',');
  return options.includes('verify-required') && algorithms.every((algorithm) => algorithm.startsWith('sk-'));
}

export const sshMethods = probe({
  name: 'ssh-methods',
  summary:
    'two factors for each kind of connection: two methods in every list, or security keys that verify the person',
  arguments: { config: { kind: 'text', what: 'configuration of sshd', default: sshdConfigPath } },
  facts: {
    contexts: 'kinds of connections that were asked about',
    twoMethods: 'contexts in which every list has two methods',
    securityKeys: 'contexts in which only security keys with verify-required open',
    pam: 'contexts in which every list has keyboard-interactive, behind which PAM asks for a second factor',
    authenticationMethods: 'values of AuthenticationMethods',
  },
  violations: [...sshdViolations, 'one-factor'],
  root: 'sshd -T reads the host keys',
  async measure(machine, { config }) {
    if (machine.status(config) === null && !machine.has('sshd'))
      return { notApplicable: 'not-used', detail: `there is neither ${config} nor sshd` };
    const { effective, violations: found } = await effectiveSettings(machine, config);
    const violations: Violation[] = [...found];
    let [twoMethods, securityKeys, pam] = [0, 0, 0];
    const asksTwice = secondFactorOf(machine, 'sshd')?.problem === null;
    for (const { context, settings } of effective) {
      const lists = methodLists(settings);
      if (lists?.every((list) => new Set(list).size >= 2)) twoMethods++;
      else if (needsVerifiedTouch(settings)) securityKeys++;
      else if (asksTwice && lists?.every((list) => list.includes('keyboard-interactive'))) pam++;
      else
        violations.push({
          what: 'one-factor',
          subject: 'AuthenticationMethods',
          user: context.user,
          address: context.addr,
          observed: settingOf(settings, 'authenticationmethods'),
          expected: 'publickey,keyboard-interactive',
        });
    }
    const methods = new Set(effective.map(({ settings }) => settingOf(settings, 'authenticationmethods')));
    return {
      facts: { contexts: effective.length, twoMethods, securityKeys, pam, authenticationMethods: [...methods].sort() },
      violations,
    };
  },
});
