import { isMandatory, readPamService } from '../pam.ts';
import { probe, type Violation } from '../probe.ts';

/** Modules that ask for something a person has. */
const secondFactors = [
  'pam_oath',
  'pam_google_authenticator',
  'pam_u2f',
  'pam_yubico',
  'pam_duo',
  'pam_rssh',
  'pam_pkcs11',
  'pam_fprintd',
];

export const pamFactors = probe({
  name: 'pam-factors',
  summary: 'that PAM asks for a second factor which cannot be passed by',
  arguments: {
    service: { kind: 'list', what: 'PAM service; default login, sshd, sudo; one that is not there is passed by' },
    module: { kind: 'list', what: 'module that is a second factor, beside those known' },
  },
  facts: { services: 'services looked at: `{service, module}`; module null: none' },
  violations: ['no-second-factor', 'second-factor-optional', 'passed-by', 'no-service'],
  root: null,
  measure(machine, { service, module }) {
    const known = [...secondFactors, ...module];
    const violations: Violation[] = [];
    const services: { service: string; module: string | null }[] = [];
    for (const name of service.length > 0 ? service : ['login', 'sshd', 'sudo']) {
      const auth = readPamService(machine, name)?.filter(({ kind }) => kind === 'auth');
      if (!auth) continue;
      const at = auth.findIndex((line) => known.includes(line.module));
      const line = auth[at];
      services.push({ service: name, module: line?.module ?? null });
      if (!line) violations.push({ what: 'no-second-factor', subject: name });
      else if (!isMandatory(line) || line.options.includes('nullok'))
        violations.push({
          what: 'second-factor-optional',
          subject: name,
          observed: line.control,
          expected: 'required',
        });
      else {
        // A line before it that ends the stack with success leaves it out.
        const before = auth
          .slice(0, at)
          .find(({ control }) => control === 'sufficient' || /\bsuccess=(?:done|[1-9])/.test(control));
        const jump = Number(/\bsuccess=(\d+)/.exec(before?.control ?? '')?.[1] ?? Number.POSITIVE_INFINITY);
        if (before && auth.indexOf(before) + jump >= at)
          violations.push({ what: 'passed-by', subject: name, observed: before.module, expected: line.module });
      }
    }
    if (services.length === 0) violations.push({ what: 'no-service', subject: '/etc/pam.d' });
    return { facts: { services }, violations };
  },
});
