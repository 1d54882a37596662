// Outputs as programs print them, and forms that have misled others.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { secondsOf } from '../duration.ts';
import { isOlder } from '../kernel-release.ts';
import { secondFactorOf } from '../pam.ts';
import { RecordedMachine, recordedAtMs, verdict } from '../recorded-machine.test.ts';
import { readSudoers } from '../sudoers.ts';
import { systemdConfig } from '../systemd.ts';
import { administrators } from './administrators.ts';
import { normalisedRule } from './audit.ts';
import { backup, parseSnapshots } from './backup.ts';
import { parseDoas } from './doas.ts';
import { firstEntryMs } from './journal-storage.ts';
import { sessionSeconds } from './ssh-idle.ts';
import { storeIntegrity } from './store-integrity.ts';
import { synthetic } from './synthetic.ts';
import { parseListener } from './tls-listener.ts';

test('spans', () => {
  for (const [text, seconds] of [
    ['900', 900],
    ['15min', 900],
    ['1h30m', 5400],
    ['1month', 2_629_800],
    ['2w 1d', 1_296_000],
    ['infinity', null],
    ['none', null],
    ['', null],
    ['10 parsecs', null],
  ] as const)
    assert.equal(secondsOf(text), seconds, text);
});

test('releases of the kernel', () => {
  assert.ok(isOlder('5.9.0', '5.18'));
  assert.ok(!isOlder('6.17.0-rc1', '6.17'));
  assert.ok(!isOlder('6.2', '6.2.0'));
});

test('PAM: a second factor, and the ways around it', () => {
  const of = (...lines: readonly string[]) =>
    secondFactorOf(
      new RecordedMachine({
        files: {
          '/etc/pam.d/x': `${lines.join('\n')}\n`,
          '/etc/pam.d/inner': 'auth required pam_u2f.so\naccount required pam_unix.so\n',
        },
      }),
      'x',
    )?.problem;
  assert.equal(of('auth required pam_oath.so'), null);
  assert.equal(of('auth include inner'), null);
  assert.equal(of('@include inner'), null);
  assert.equal(of('account include inner'), 'no-second-factor');
  assert.equal(of('auth optional pam_oath.so'), 'second-factor-optional');
  assert.equal(of('auth required pam_google_authenticator.so nullok'), 'second-factor-optional');
  assert.equal(of('auth sufficient pam_unix.so', 'auth required pam_oath.so'), 'passed-by');
  assert.equal(
    of('auth [success=1 default=ignore] pam_unix.so', 'auth required pam_oath.so', 'auth required pam_permit.so'),
    'passed-by',
  );
  assert.equal(
    of('auth [success=1 default=ignore] pam_unix.so', 'auth requisite pam_deny.so', 'auth required pam_oath.so'),
    null,
  );
  assert.equal(of('auth [success=ok default=die] /lib/security/pam_u2f.so cue'), null);
  assert.equal(secondFactorOf(new RecordedMachine({}), 'x'), null);
});

test('sudoers: aliases, tags that stay, includes, continuation', () => {
  const files = {
    '/etc/sudoers': [
      'Defaults env_reset, !requiretty, umask=0077 # note',
      'Defaults secure_path="/a,b:/c"',
      'User_Alias ADMINS = ada, %ops',
      'Cmnd_Alias ALL_BUT = ALL, !/bin/su',
      'ADMINS ALL=(root:wheel) NOPASSWD: /bin/a x, /bin/b \\',
      '  y : HOST2 = /bin/c',
      'bob ALL = ALL_BUT',
      '#includedir /etc/sudoers.d',
      '#1000 ALL=/bin/id',
    ].join('\n'),
    '/etc/sudoers.d/kept': 'eve ALL=(ALL) ALL\n',
    '/etc/sudoers.d/left.out': 'mallory ALL=(ALL) ALL\n',
  };
  const { defaults, rules } = readSudoers(new RecordedMachine({ files }));
  assert.equal(defaults.get('requiretty'), 'off');
  assert.equal(defaults.get('umask'), '0077');
  assert.equal(defaults.get('secure_path'), '/a,b:/c');
  const shown = rules.map(({ who, runAs, tags, commands }) => [
    who.join(','),
    runAs,
    tags.join(' '),
    commands.join(','),
  ]);
  assert.deepEqual(shown, [
    ['ada,%ops', 'root:wheel', 'NOPASSWD', '/bin/a x'],
    ['ada,%ops', 'root:wheel', 'NOPASSWD', '/bin/b    y'],
    ['ada,%ops', 'root', '', '/bin/c'],
    ['bob', 'root', '', 'ALL,!/bin/su'],
    ['eve', 'ALL', '', 'ALL'],
    ['#1000', 'root', '', '/bin/id'],
  ]);
  assert.throws(() => readSudoers(new RecordedMachine({ files: { '/etc/sudoers': 'nonsense\n' } })), {
    code: 'malformed',
  });
});

test('doas', () => {
  const [one, two] = parseDoas('# x\npermit nopass setenv { A=b } :wheel as root cmd /bin/a args b c\ndeny ada\n');
  assert.deepEqual(one?.options, ['nopass', 'setenv']);
  assert.deepEqual([one?.identity, one?.as, one?.command, one?.hasArguments], [':wheel', 'root', '/bin/a', true]);
  assert.equal(two?.action, 'deny');
  assert.throws(() => parseDoas('allow ada\n'), { code: 'malformed' });
});

test('audit rules: what is the same, and what is not', () => {
  const same = (a: string, b: string): boolean => normalisedRule(a) === normalisedRule(b);
  assert.ok(same('-w /etc/audit/ -p wa -k a', '-w /etc/audit -p aw -k b'));
  assert.ok(same('-a always,exit -F dir=/etc -F perm=wa', '-w /etc/ -p wa'));
  assert.ok(same('-a always,exit -S a,b -F auid!=unset', '-a exit,always -S b -S a -F auid!=-1'));
  assert.ok(!same('-a always,exit -S a', '-a never,exit -S a'));
  assert.ok(!same('-a always,exit -F arch=b64 -S a', '-a always,exit -F arch=b32 -S a'));
});

test('a configuration of systemd: the drop-in in /etc hides the one of its name', () => {
  const files = {
    '/etc/systemd/journald.conf': '[Journal]\nStorage=auto\n#MaxUse=1\n',
    '/usr/lib/systemd/journald.conf.d/10.conf': '[Journal]\nStorage=volatile\n',
    '/etc/systemd/journald.conf.d/10.conf': '[Journal]\nStorage=persistent\n',
    '/run/systemd/journald.conf.d/20.conf': '[Journal]\nMaxRetentionSec=1d\n',
    '/etc/systemd/journald.conf.d/30.txt': 'Storage=none\n',
  };
  const config = systemdConfig(new RecordedMachine({ files }), 'journald.conf');
  assert.deepEqual(
    [...config],
    [
      ['Storage', 'persistent'],
      ['MaxRetentionSec', '1d'],
    ],
  );
});

test("a journal's first entry", () => {
  const header = new Uint8Array(256);
  header.set(new TextEncoder().encode('LPKSHHRH'));
  assert.equal(firstEntryMs(header), null);
  new DataView(header.buffer).setBigUint64(184, 1_780_000_000_123_456n, true);
  assert.equal(firstEntryMs(header), 1_780_000_000_123);
  assert.equal(firstEntryMs(header.slice(0, 100)), null);
  header[0] = 0;
  assert.equal(firstEntryMs(header), null);
});

test('snapshots of restic and borg, and what has no time', () => {
  assert.deepEqual(parseSnapshots('[{"time":"2026-05-31T00:00:00.5+02:00","paths":["/a"]}]'), [
    { atMs: Date.UTC(2026, 4, 30, 22, 0, 0, 500), paths: ['/a'] },
  ]);
  assert.deepEqual(parseSnapshots('{"archives":[{"start":"2026-05-31T00:00:00.000000"}]}'), [
    { atMs: Date.UTC(2026, 4, 31), paths: [] },
  ]);
  for (const text of ['x', '{}', '[{}]']) assert.throws(() => parseSnapshots(text), { code: 'malformed' });
});

test('backup: nothing declared is no backup, and one of the future is none either', async () => {
  assert.equal(await verdict(backup, {}, '--max-age-hours', '48'), 'nothing-declared');
  const report = (time: string) => ({ files: { '/r': `[{"time":"${time}"}]` } });
  const ask = (time: string): Promise<string> =>
    verdict(backup, report(time), '--report', '/r', '--max-age-hours', '48');
  assert.equal(await ask('2026-05-31T00:00:00Z'), 'compliant');
  assert.equal(await ask('2026-05-01T00:00:00Z'), 'old');
  assert.equal(await ask('2027-01-01T00:00:00Z'), 'old');
  assert.equal(await verdict(backup, {}, '--report', '/r', '--max-age-hours', '48'), 'no-report');
});

test('ChannelTimeout: of sessions', () => {
  const of = (value: string) => sessionSeconds(new Map([['channeltimeout', [value]]]));
  assert.equal(of('none'), null);
  assert.equal(of('session:*=10m'), 600);
  assert.equal(of('agent-connection=1m session=15m'), 900);
  assert.equal(of('x11-connection=5m'), null);
  assert.equal(of('session:*=0'), null);
});

test('administrators: declared keys by what they are, not by what is written about them', async () => {
  const print = 'SHA256:WBDOcbg85VMkrG7tsRBHuJf8Er/j/KbTkelOEBNWnB4';
  const blob = 'AAAAC3NzaC1lZDI1NTE5AAAAIHV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1';
  const recording = {
    files: {
      '/etc/passwd': 'root:x:0:0::/root:/bin/sh\nada:x:1000:100::/srv/ada:/bin/sh\n',
      '/etc/group': 'wheel:x:1:ada\n',
      '/etc/ssh/authorized_keys.d/ada': `ssh-ed25519 ${blob} ada\n`,
    },
    commands: { 'ssh-keygen -l -f -': `256 ${print} ada (ED25519)\n` },
  };
  const ask = (...argv: readonly string[]): Promise<string> =>
    verdict(administrators, recording, '--member', 'ada', ...argv);
  assert.equal(await ask('--compare-keys', '--key', `ada=from="10.0.0.1" ssh-ed25519 ${blob} note`), 'compliant');
  assert.equal(await ask('--compare-keys', '--key', `ada=${print}`), 'compliant');
  assert.equal(await ask('--compare-keys', '--key', `root=ssh-ed25519 ${blob}`), 'undeclared-key');
  assert.equal(await ask(), 'compliant');
  const silent = { ...recording, commands: { 'ssh-keygen -l -f -': '' } };
  assert.equal(await verdict(administrators, silent, '--member', 'ada'), 'error malformed');
});

test('the store: modified, untrusted, or not saying why', async () => {
  const path = '/nix/store/00000000000000000000000000000000-a';
  const verify = (...flags: readonly string[]) =>
    `nix --extra-experimental-features nix-command store verify ${flags.join(' ')}`.trim();
  const recording = (stderr: string, exitCode: number) => ({
    files: {
      '/run/current-system': { link: path },
      [`${path}/x`]: '',
      '/proc/self/mountinfo': '1 1 0:1 / / rw - ext4 x rw\n2 1 0:1 / /nix/store ro - ext4 x rw\n',
    },
    commands: {
      [`nix-store --query --requisites ${path}`]: `${path}\n`,
      [verify('--no-contents', '--sigs-needed 1', '--recursive', path)]: { exitCode, stderr },
      [verify('--no-trust', '--recursive', path)]: { exitCode, stderr },
    },
  });
  const ask = (stderr: string, exitCode: number, ...argv: readonly string[]): Promise<string> =>
    verdict(storeIntegrity, recording(stderr, exitCode), ...argv);
  assert.equal(await ask('', 0, '--signatures', '1', '--read-only'), 'compliant');
  assert.equal(await ask(`path '${path}' is untrusted\n`, 2, '--signatures', '1'), 'untrusted');
  assert.equal(await ask(`path '${path}' was modified! expected hash 'x', got 'y'\n`, 1, '--contents'), 'modified');
  assert.equal(await ask('error: disk\n', 1, '--contents'), 'error command-failed');
});

test('the drill: as told, and inert afterwards', async () => {
  const seconds = recordedAtMs / 1000;
  const ask = (failAt: string, until: number): Promise<string> =>
    verdict(synthetic, {}, '--fail-at', failAt, '--until', String(until));
  assert.equal(await ask('runtime', seconds + 1), 'drill');
  assert.equal(await ask('runtime', seconds), 'compliant');
  assert.equal(await ask('malformed', seconds + 1), 'error malformed');
  assert.equal(await ask('timeout', seconds + 1), 'error defect');
  for (const elsewhere of ['static', 'stale', 'unsigned']) assert.equal(await ask(elsewhere, seconds + 1), 'compliant');
});

test('listeners are of this machine only', () => {
  assert.deepEqual(parseListener('[::1]:443=web.example'), { address: '::1', port: 443, servername: 'web.example' });
  for (const text of ['192.0.2.1:443', 'example.org:443', '127.0.0.1', '127.0.0.1:x'])
    assert.throws(() => parseListener(text), { code: 'bad-arguments' });
});
