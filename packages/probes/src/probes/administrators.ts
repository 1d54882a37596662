import { createHash } from 'node:crypto';
import { membersOf, readAccounts, readGroups } from '../accounts.ts';
import { ProbeError } from '../errors.ts';
import { probe, type Violation } from '../probe.ts';

/** Where keys of people are: NixOS's declared ones, and their own. */
const keyFiles = (name: string, home: string): string[] => [
  `/etc/ssh/authorized_keys.d/${name}`,
  `${home}/.ssh/authorized_keys`,
  `${home}/.ssh/authorized_keys2`,
];

/** `ada=ssh-ed25519 AAAA… note` → `ada=SHA256:…`, as ssh-keygen -l prints it. */
function declaredPrint(declared: string): string {
  const [, user = '', blob] =
    /^([^=]+)=(?:.*\s)?(?:ssh-|ecdsa-|sk-)\S+\s+([A-Za-z0-9+/]+=*)(?:\s.*)?$/.exec(declared) ?? [];
  if (blob === undefined) return declared;
  const digest = createHash('sha256').update(Buffer.from(blob, 'base64')).digest('base64');
  return `${user}=SHA256:${digest.replace(/=+$/, '')}`;
}

export const administrators = probe({
  name: 'administrators',
  summary: 'who may become root, and with which keys, against those declared',
  arguments: {
    group: { kind: 'list', what: 'group of administrators; default wheel and sudo' },
    member: { kind: 'list', what: 'declared administrator; root is one' },
    key: { kind: 'list', what: 'declared key, `user=ssh-ed25519 AAAA…` or `user=SHA256:…`' },
    compareKeys: { kind: 'switch', what: 'no other keys may be there' },
  },
  facts: {
    administrators: 'members of the groups: `{user, keys}`, keys by fingerprint',
    rootKeys: 'keys that open root',
  },
  violations: ['undeclared-member', 'undeclared-key', 'other-uid-0'],
  root: "people's own key files",
  async measure(machine, { group, member, key, compareKeys }) {
    const accounts = readAccounts(machine);
    const wanted = group.length > 0 ? group : ['wheel', 'sudo'];
    const groups = readGroups(machine).filter(({ name }) => wanted.includes(name));
    const members = [...new Set(['root', ...groups.flatMap((one) => membersOf(one, accounts))])].sort();
    const violations: Violation[] = [];
    for (const { name, uid } of accounts)
      if (uid === 0 && name !== 'root') violations.push({ what: 'other-uid-0', user: name, observed: 0 });
    const declared = new Set(key.map((one) => declaredPrint(one)));
    const found: { user: string; keys: string[] }[] = [];
    for (const user of members) {
      const account = accounts.find(({ name }) => name === user);
      if (user !== 'root' && !member.includes(user))
        violations.push({ what: 'undeclared-member', user, observed: groups.map(({ name }) => name).join(' ') });
      const keys: string[] = [];
      for (const file of account ? keyFiles(user, account.home) : []) {
        const text = machine.read(file) ?? '';
        const lines = text.split('\n').filter((line) => /^[^#\s]/.test(line));
        if (lines.length === 0) continue;
        const { stdout } = await machine.run(['ssh-keygen', '-l', '-f', '-'], { input: `${lines.join('\n')}\n` });
        const prints = [...stdout.matchAll(/^\d+ (SHA256:\S+)/gm)].map(([, print = '']) => print);
        if (prints.length !== lines.length)
          throw new ProbeError('malformed', `${file}: ${lines.length} keys, ssh-keygen knows ${prints.length}`);
        keys.push(...prints);
        for (const print of prints)
          if (compareKeys && !declared.has(`${user}=${print}`))
            violations.push({
              what: 'undeclared-key',
              user,
              subject: file.startsWith('/etc/') ? 'declared' : 'own',
              observed: print,
            });
      }
      found.push({ user, keys: keys.sort() });
    }
    const rootKeys = found.find(({ user }) => user === 'root')?.keys.length ?? 0;
    return { facts: { administrators: found, rootKeys }, violations };
  },
});
