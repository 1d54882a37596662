import { secondFactorOf } from '../pam.ts';
import { probe, type Violation } from '../probe.ts';

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
    const violations: Violation[] = [];
    const services: { service: string; module: string | null }[] = [];
    for (const name of service.length > 0 ? service : ['login', 'sshd', 'sudo']) {
      const factor = secondFactorOf(machine, name, module);
      if (factor === null) continue;
      services.push({ service: name, module: factor.module });
      if (factor.problem !== null) violations.push({ what: factor.problem, subject: name, observed: factor.observed });
    }
    if (services.length === 0) violations.push({ what: 'no-service', subject: '/etc/pam.d' });
    return { facts: { services }, violations };
  },
});
