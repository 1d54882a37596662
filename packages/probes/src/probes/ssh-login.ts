import { probe, type Violation } from '../probe.ts';
import { effectiveSettings, sshdViolations } from '../sshd-contexts.ts';
import { type SshdSettings, settingOf, sshdConfigPath } from '../sshd-settings.ts';

/** Ways in that a password opens. */
const passwordMethods = ['password', 'keyboard-interactive'];
/** As `sshd -T` prints them; `prohibit-password` is printed `without-password`. */
const rootLogins = {
  no: ['no'],
  'prohibit-password': ['no', 'prohibit-password', 'without-password', 'forced-commands-only'],
} as const;

/** The method lists of which one opens; null: `any` one enabled method does. */
export function methodLists(settings: SshdSettings): string[][] | null {
  const value = settingOf(settings, 'authenticationmethods');
  if (value === 'any') return null;
  return value.split(/\s+/).map((list) => list.split(',').map((method) => method.replace(/:.*$/, '')));
}

/** Whether a password alone opens. */
function opensAlone(settings: SshdSettings, method: string): boolean {
  const lists = methodLists(settings);
  if (lists === null) return true;
  return lists.some((list) => list.includes(method) && list.every((other) => passwordMethods.includes(other)));
}

export const sshLogin = probe({
  name: 'ssh-login',
  summary: 'passwords and root at the door of sshd, for each kind of connection that its Match blocks tell apart',
  arguments: {
    config: { kind: 'text', what: 'configuration of sshd', default: sshdConfigPath },
    rootLogin: {
      kind: 'text',
      what: 'most that root may',
      default: 'prohibit-password',
      oneOf: ['no', 'prohibit-password'],
    },
  },
  facts: {
    contexts: 'kinds of connections that were asked about',
    passwordAuthentication: 'contexts in which a password alone opens',
    keyboardInteractive: 'contexts in which keyboard-interactive alone opens',
    rootLogin: 'values of PermitRootLogin in any context',
  },
  violations: [...sshdViolations, 'password', 'keyboard-interactive', 'root-login', 'empty-password'],
  root: 'sshd -T reads the host keys',
  async measure(machine, { config, rootLogin }) {
    if (machine.status(config) === null && !machine.has('sshd'))
      return { notApplicable: 'not-used', detail: `there is neither ${config} nor sshd` };
    const { effective, violations: found } = await effectiveSettings(machine, config);
    const violations: Violation[] = [...found];
    const count = { password: 0, 'keyboard-interactive': 0 };
    const allowed: readonly string[] = rootLogins[rootLogin as keyof typeof rootLogins];
    for (const { context, settings } of effective) {
      const about = { user: context.user, address: context.addr };
      const complain = (what: string, subject: string, expected: string): void => {
        violations.push({ what, subject, ...about, observed: settingOf(settings, subject), expected });
      };
      if (settingOf(settings, 'passwordauthentication') === 'yes' && opensAlone(settings, 'password')) {
        count.password++;
        complain('password', 'passwordauthentication', 'no');
      }
      if (
        settingOf(settings, 'kbdinteractiveauthentication') === 'yes' &&
        opensAlone(settings, 'keyboard-interactive')
      ) {
        count['keyboard-interactive']++;
        complain('keyboard-interactive', 'kbdinteractiveauthentication', 'no');
      }
      if (settingOf(settings, 'permitemptypasswords') !== 'no')
        complain('empty-password', 'permitemptypasswords', 'no');
      if (context.user === 'root' && !allowed.includes(settingOf(settings, 'permitrootlogin')))
        complain('root-login', 'permitrootlogin', rootLogin);
    }
    const roots = effective.filter(({ context }) => context.user === 'root');
    return {
      facts: {
        contexts: effective.length,
        passwordAuthentication: count.password,
        keyboardInteractive: count['keyboard-interactive'],
        rootLogin: [...new Set(roots.map(({ settings }) => settingOf(settings, 'permitrootlogin')))].sort(),
      },
      violations,
    };
  },
});
