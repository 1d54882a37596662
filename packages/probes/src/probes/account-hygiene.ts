import { isNologin, personUids, readAccounts, readGroups, readShadow } from '../accounts.ts';
import { allViolations, lookArgument, lookedAt } from '../aspects.ts';
import { keyValues } from '../key-values.ts';
import { readPamService } from '../pam.ts';
import { probe, type Violation } from '../probe.ts';

/** What crypt(5) calls strong: yescrypt, and what it came from. */
const strongPrefixes = ['$y$', '$gy$', '$7$'];
const dayMs = 86_400_000;

/** A hash that no password makes. */
function isLocked(hash: string): boolean {
  return /^[!*]/.test(hash) || hash === 'x';
}

const aspects = {
  who: ['undeclared', 'expired'],
  length: ['no-length', 'short-length'],
  services: ['service-with-password', 'service-with-shell'],
  ids: ['double-uid', 'double-name', 'double-gid'],
  hashes: ['empty-password', 'weak-hash', 'passwd-hash'],
  mail: ['no-alias'],
};

export const accountHygiene = probe({
  name: 'account-hygiene',
  summary: 'accounts: no empty or weak passwords, nobody undeclared, unique ids, services that nobody logs in to',
  arguments: {
    look: lookArgument(aspects),
    person: { kind: 'list', what: 'declared account of a person; none given: not compared' },
    minLength: { kind: 'number', what: 'least length that PAM asks of a password; none: not looked at', default: null },
    mailAlias: { kind: 'switch', what: 'mail to root has to go to somebody: /etc/aliases' },
    expiredDays: {
      kind: 'number',
      what: 'an account that expired so many days ago may not be there any more',
      default: null,
    },
  },
  facts: {
    accounts: 'number of accounts',
    people: 'accounts of people: `{user}`',
    withPassword: 'accounts with a password',
  },
  violations: allViolations(aspects),
  root: '/etc/shadow',
  measure(machine, { look, person, minLength, mailAlias, expiredDays }) {
    const accounts = readAccounts(machine);
    const shadow = new Map(readShadow(machine).map((entry) => [entry.name, entry]));
    const violations: Violation[] = [];
    const people = accounts.filter(({ uid }) => uid >= personUids.first && uid <= personUids.last);
    let withPassword = 0;
    for (const { name, uid, shell } of accounts) {
      const entry = shadow.get(name);
      if (!entry) {
        // Without a line there, the second field of passwd would hold.
        violations.push({ what: 'passwd-hash', user: name });
        continue;
      }
      const isService = uid !== 0 && (uid < personUids.first || uid > personUids.last);
      if (entry.hash === '') violations.push({ what: 'empty-password', user: name });
      else if (!isLocked(entry.hash)) {
        withPassword++;
        if (!strongPrefixes.some((prefix) => entry.hash.startsWith(prefix)))
          violations.push({
            what: 'weak-hash',
            user: name,
            observed: /^\$\w+\$/.exec(entry.hash)?.[0] ?? 'DES',
            expected: '$y$',
          });
        if (isService) violations.push({ what: 'service-with-password', user: name });
      }
      if (isService && !isNologin(shell)) violations.push({ what: 'service-with-shell', user: name, observed: shell });
      const today = Math.floor(machine.nowMs / dayMs);
      if (expiredDays !== null && entry.expiresDay !== null && today - entry.expiresDay > expiredDays)
        violations.push({ what: 'expired', user: name, observed: today - entry.expiresDay });
    }
    if (person.length > 0)
      for (const { name, shell } of people)
        if (!person.includes(name) && !isNologin(shell)) violations.push({ what: 'undeclared', user: name });
    for (const name of doubles(accounts.map(({ uid }) => String(uid))))
      violations.push({ what: 'double-uid', subject: name });
    for (const name of doubles(accounts.map((one) => one.name))) violations.push({ what: 'double-name', user: name });
    for (const name of doubles(readGroups(machine).map(({ gid }) => String(gid))))
      violations.push({ what: 'double-gid', subject: name });
    if (minLength !== null) {
      const line = readPamService(machine, 'passwd')?.find(
        ({ kind, module }) => kind === 'password' && (module === 'pam_pwquality' || module === 'pam_passwdqc'),
      );
      const file = keyValues((machine.read('/etc/security/pwquality.conf') ?? '').replaceAll(/#.*$/gm, ''));
      const given = line?.options.map((one) => /^minlen=(\d+)$/.exec(one)?.[1]).find((one) => one !== undefined);
      const length = line ? Number(given ?? file.get('minlen') ?? 8) : null;
      if (length === null) violations.push({ what: 'no-length', subject: '/etc/pam.d/passwd', expected: minLength });
      else if (length < minLength)
        violations.push({ what: 'short-length', subject: 'minlen', observed: length, expected: minLength });
    }
    if (mailAlias && !/^\s*root\s*:\s*\S/m.test(machine.read('/etc/aliases') ?? ''))
      violations.push({ what: 'no-alias', subject: '/etc/aliases' });
    return {
      facts: {
        accounts: accounts.length,
        people: people.slice(0, 128).map(({ name }) => ({ user: name })),
        withPassword,
      },
      violations: lookedAt(aspects, look, violations),
    };
  },
});

function doubles(all: readonly string[]): string[] {
  return [...new Set(all.filter((one, at) => all.indexOf(one) !== at))];
}
