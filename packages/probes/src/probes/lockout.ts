import { secondsOf } from '../duration.ts';
import { keyValues } from '../key-values.ts';
import { readPamService } from '../pam.ts';
import { probe, type Violation } from '../probe.ts';

/** faillock.conf(5). */
const defaults = { deny: 3, unlockSeconds: 600 } as const;

/** `deny=5` → deny, 5. */
function pairOf(option: string): readonly [string, string] {
  const at = option.indexOf('=');
  return at === -1 ? [option, ''] : [option.slice(0, at), option.slice(at + 1)];
}

export const lockout = probe({
  name: 'lockout',
  summary: 'that accounts lock after failed logins, at each service where people come in',
  arguments: {
    service: { kind: 'list', what: 'PAM service; default login, sshd; one that is not there is passed by' },
    denyMax: { kind: 'number', what: 'most failures before the lock', default: 5 },
    unlockSecondsMin: { kind: 'number', what: 'shortest lock in seconds; 0, never unlocked, is longer', default: 900 },
  },
  facts: {
    services: 'services looked at: `{service, deny, unlockSeconds}`; deny null: no lock at all',
  },
  violations: ['no-lock', 'deny', 'unlock-time', 'no-service'],
  root: null,
  measure(machine, { service, denyMax, unlockSecondsMin }) {
    const file = keyValues((machine.read('/etc/security/faillock.conf') ?? '').replaceAll(/#.*$/gm, ''));
    const violations: Violation[] = [];
    const services: { service: string; deny: number | null; unlockSeconds: number | null }[] = [];
    for (const name of service.length > 0 ? service : ['login', 'sshd']) {
      const lines = readPamService(machine, name);
      if (lines === null) continue;
      const auth = lines.filter(({ kind, module }) => kind === 'auth' && module === 'pam_faillock');
      // Without an account line a success does not end the count, and without authfail nothing is counted.
      const counts = auth.some(({ options }) => options.includes('authfail'));
      const refuses = auth.some(({ options }) => options.includes('preauth')) || auth.length > 1;
      if (!counts || !refuses) {
        services.push({ service: name, deny: null, unlockSeconds: null });
        violations.push({ what: 'no-lock', subject: name, expected: 'pam_faillock preauth and authfail' });
        continue;
      }
      const given = new Map(auth.flatMap(({ options }) => options.map((one) => pairOf(one))));
      const deny = Number(given.get('deny') ?? file.get('deny') ?? defaults.deny);
      const unlock = given.get('unlock_time') ?? file.get('unlock_time');
      const unlockSeconds =
        unlock === 'never' ? 0 : ((unlock === undefined ? null : secondsOf(unlock)) ?? defaults.unlockSeconds);
      services.push({ service: name, deny, unlockSeconds });
      if (!(deny >= 1 && deny <= denyMax))
        violations.push({ what: 'deny', subject: name, observed: deny, expected: denyMax });
      if (unlockSeconds !== 0 && unlockSeconds < unlockSecondsMin)
        violations.push({ what: 'unlock-time', subject: name, observed: unlockSeconds, expected: unlockSecondsMin });
    }
    if (services.length === 0) violations.push({ what: 'no-service', subject: '/etc/pam.d' });
    return { facts: { services }, violations };
  },
});
