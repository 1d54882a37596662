import { isNologin, personUids, readAccounts } from '../accounts.ts';
import { probe, type Violation } from '../probe.ts';

export const serviceAccounts = probe({
  name: 'service-accounts',
  summary: 'accounts of services that somebody can log in to',
  arguments: { max: { kind: 'number', what: 'most of them', default: 10 } },
  facts: { count: 'system accounts with a shell, root apart', accounts: 'theirs: `{user}`' },
  violations: ['too-many'],
  root: null,
  measure(machine, { max }) {
    const found = readAccounts(machine).filter(
      ({ uid, shell }) => uid !== 0 && (uid < personUids.first || uid > personUids.last) && !isNologin(shell),
    );
    const violations: Violation[] =
      found.length > max ? [{ what: 'too-many', subject: 'accounts', observed: found.length, expected: max }] : [];
    return {
      facts: { count: found.length, accounts: found.slice(0, 64).map(({ name }) => ({ user: name })) },
      violations,
    };
  },
});
