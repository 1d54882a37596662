import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseGroup, parsePasswd } from './accounts.ts';
import { sshLogin } from './probes/ssh-login.ts';
import { printed, RecordedMachine, type Recording, verdict } from './recorded-machine.test.ts';
import { contextsMax, contextsOf } from './sshd-contexts.ts';
import { parseMatch, readMatchBlocks, wordsOf } from './sshd-settings.ts';

const passwd = [
  'root:x:0:0:root:/root:/bin/bash',
  'sshd:x:100:65534::/run/sshd:/usr/sbin/nologin',
  'ada:x:1000:1000::/srv/ada:/bin/bash',
  'bob:x:1001:1001::/srv/bob:/bin/bash',
  'eve:x:1002:1002::/srv/eve:',
  '',
].join('\n');
const group = 'root:x:0:\nada:x:1000:\nguests:x:2000:bob\n';
const accounts = parsePasswd(passwd);
const groups = parseGroup(group);

test('match lines', () => {
  assert.deepEqual(parseMatch('User "ada,b*" Address=10.0.0.0/8 # note').criteria, [
    { name: 'user', value: 'ada,b*' },
    { name: 'address', value: '10.0.0.0/8' },
  ]);
  assert.deepEqual(parseMatch('all').criteria, [{ name: 'all', value: '' }]);
  assert.deepEqual(parseMatch('invalid-user Group x').criteria, [
    { name: 'invalid-user', value: '' },
    { name: 'group', value: 'x' },
  ]);
  assert.deepEqual(wordsOf('a "b c" #d'), ['a', 'b c']);
});

test('match blocks are found in included files too, and an include without end is an error', () => {
  const files = {
    '/etc/ssh/sshd_config': 'Port 22\ninclude sshd_config.d/*.conf\nMatch User a\n',
    '/etc/ssh/sshd_config.d/1.conf': 'MATCH  Group b\n',
    '/etc/ssh/sshd_config.d/2.txt': 'Match Group c\n',
    '/etc/ssh/loop': 'Include /etc/ssh/loop\n',
  };
  const machine = new RecordedMachine({ files });
  const lines = readMatchBlocks(machine, '/etc/ssh/sshd_config').map(({ line }) => line);
  assert.deepEqual(lines, ['Group b', 'User a']);
  assert.throws(() => readMatchBlocks(machine, '/etc/ssh/loop'), { code: 'oversized' });
});

test('users are told apart by what the blocks say of them, and root always', () => {
  const usersOf = (...lines: string[]): string[] =>
    contextsOf(lines.map(parseMatch), accounts, groups).map(({ user }) => user);
  assert.deepEqual(usersOf(), ['root', 'ada']);
  assert.deepEqual(usersOf('Group guests'), ['root', 'ada', 'bob']);
  assert.deepEqual(usersOf('User eve@10.0.0.*', 'User ghost'), ['root', 'ada', 'eve', 'ghost']);
});

test('each address, host and port that a block names is tried, and a stranger', () => {
  const contexts = contextsOf([parseMatch('Address 10.7.0.0/16,!10.7.1.* LocalPort 2222')], accounts, groups);
  assert.deepEqual([...new Set(contexts.map(({ addr }) => addr))], ['203.0.113.7', '10.7.0.0', '10.7.1.1']);
  assert.deepEqual([...new Set(contexts.map(({ lport }) => lport))], ['22', '2222']);
  assert.equal(contexts.length, 2 * 3 * 2);
});

test('too many kinds of connections are an error, not a sample', () => {
  const many = Array.from({ length: contextsMax }, (_, i) => parseMatch(`Address 10.0.${i}.0/24`));
  assert.throws(() => contextsOf(many, accounts, groups), { code: 'oversized' });
});

const closed = {
  passwordauthentication: 'no',
  kbdinteractiveauthentication: 'no',
  permitemptypasswords: 'no',
  permitrootlogin: 'without-password',
  authenticationmethods: 'any',
};
const command = (user: string, addr = '203.0.113.7'): string =>
  `sshd -T -f /etc/ssh/sshd_config -C user=${user},host=stranger.invalid,addr=${addr},laddr=192.0.2.1,lport=22`;
const says = (settings: Readonly<Record<string, string>>): string =>
  Object.entries({ ...closed, ...settings })
    .map(([name, value]) => `${name} ${value}\n`)
    .join('');
const recording = (settings: Readonly<Record<string, string>>, config = '', more: Recording = {}): Recording => ({
  files: { '/etc/passwd': passwd, '/etc/group': group, '/etc/ssh/sshd_config': config, ...more.files },
  commands: { [command('root')]: says(settings), [command('ada')]: says(settings), ...more.commands },
});

test('ssh-login: verdicts', async () => {
  const cases: readonly [Readonly<Record<string, string>>, string][] = [
    [{}, 'compliant'],
    [{ permitrootlogin: 'no' }, 'compliant'],
    [{ passwordauthentication: 'yes' }, 'password'],
    [{ kbdinteractiveauthentication: 'yes' }, 'keyboard-interactive'],
    [{ kbdinteractiveauthentication: 'yes', authenticationmethods: 'publickey,keyboard-interactive:pam' }, 'compliant'],
    [{ passwordauthentication: 'yes', authenticationmethods: 'publickey,password publickey' }, 'compliant'],
    [{ passwordauthentication: 'yes', authenticationmethods: 'publickey password' }, 'password'],
    [{ passwordauthentication: 'yes', authenticationmethods: 'password,keyboard-interactive' }, 'password'],
    [{ permitrootlogin: 'yes' }, 'root-login'],
    [{ permitemptypasswords: 'yes' }, 'empty-password'],
  ];
  for (const [settings, expected] of cases)
    assert.equal(await verdict(sshLogin, recording(settings)), expected, JSON.stringify(settings));
  assert.equal(await verdict(sshLogin, recording({}), '--root-login', 'no'), 'root-login');
  assert.equal(await verdict(sshLogin, recording({ permitrootlogin: 'no' }), '--root-login', 'no'), 'compliant');
});

test('ssh-login: one kind of connection is enough', async () => {
  const found = await printed(
    sshLogin,
    recording({}, 'Match Group guests\n  PasswordAuthentication yes\n', {
      commands: { [command('bob')]: says({ passwordauthentication: 'yes' }) },
    }),
  );
  assert.deepEqual(found.violations, [
    {
      what: 'password',
      subject: 'passwordauthentication',
      user: 'bob',
      address: '203.0.113.7',
      observed: 'yes',
      expected: 'no',
    },
  ]);
});

test('ssh-login: what cannot be measured is no pass', async () => {
  assert.equal(await verdict(sshLogin, recording({}, 'Match Exec "/bin/true"\n')), 'match-not-measurable');
  assert.equal(await verdict(sshLogin, { ...recording({}), commands: {} }), 'error command-missing');
  assert.equal(
    await verdict(sshLogin, { ...recording({}), commands: { [command('root')]: says({}) } }),
    'error command-failed',
  );
  assert.equal(await verdict(sshLogin, recording({}, 'Include /etc/ssh/[a]/x\n')), 'error malformed');
  assert.equal(await verdict(sshLogin, {}), 'not-applicable not-used');
  const daemon = (line: string): Recording => ({
    files: { '/proc/7/comm': 'sshd\n', '/proc/7/cmdline': `sshd: ${line} [listener] 0 of 10-100 startups\0` },
  });
  assert.equal(
    await verdict(sshLogin, recording({}, '', daemon('/usr/sbin/sshd -D -f /etc/ssh/sshd_config'))),
    'compliant',
  );
  assert.equal(
    await verdict(sshLogin, recording({}, '', daemon('/usr/sbin/sshd -D -o PasswordAuthentication=yes'))),
    'daemon-options',
  );
  assert.equal(await verdict(sshLogin, recording({}, '', daemon('/usr/sbin/sshd -f /tmp/other'))), 'daemon-options');
});
