import type { ProbeCase } from './probe-case.ts';

const faillock = [
  'auth required pam_faillock.so preauth',
  'auth [success=1 default=ignore] pam_unix.so try_first_pass',
  'auth [default=die] pam_faillock.so authfail',
  'auth required pam_permit.so',
  'auth required pam_oath.so usersfile=/etc/users.oath',
  'account required pam_faillock.so',
  'account required pam_unix.so',
  'session required pam_namespace.so',
  '',
].join('\n');
const open = ['auth sufficient pam_unix.so nullok', 'account required pam_unix.so', ''].join('\n');
const sudoers = [
  'Defaults env_reset,use_pty,noexec,requiretty,ignore_dot,umask=0077',
  'Cmnd_Alias RESTARTS = /usr/bin/systemctl restart nginx.service',
  'root ALL=(ALL:ALL) ALL',
  '%sudo ALL=(root) RESTARTS',
  '',
].join('\n');

export const accountCases: readonly ProbeCase[] = [
  {
    rules: ['AC-04'],
    probe: 'lockout',
    args: [],
    right: {
      files: {
        '/etc/pam.d/login': faillock,
        '/etc/pam.d/sshd': faillock,
        '/etc/pam.d/sudo': faillock,
        '/etc/security/faillock.conf': 'deny = 5\nunlock_time = 900\n',
      },
    },
    wrong: {
      files: {
        '/etc/pam.d/login': open,
        '/etc/pam.d/sshd': faillock,
        '/etc/pam.d/sudo': open,
        '/etc/security/faillock.conf': 'deny = 20\n',
      },
    },
    found: ['deny', 'no-lock', 'unlock-time'],
  },
  {
    rules: ['AU-01'],
    probe: 'pam-factors',
    args: ['--service', 'login', '--service', 'sudo'],
    right: {},
    wrong: {},
    found: ['no-second-factor'],
  },
  {
    rules: ['FH-07'],
    probe: 'private-folders',
    args: [],
    right: {
      files: { '/etc/security/namespace.d/tmp.conf': '/tmp /tmp/inst/ user root\n/var/tmp /var/tmp/inst/ user root\n' },
    },
    wrong: {
      files: {
        '/etc/security/namespace.d/tmp.conf': '# /tmp /tmp/inst/ user root\n/var/tmp /var/tmp/inst/ user root\n',
      },
    },
    found: ['no-namespace', 'shared-folder'],
  },
  {
    rules: ['AU-03'],
    probe: 'service-accounts',
    args: ['--max', '0'],
    right: {},
    wrong: { script: 'useradd --system --shell /bin/bash robot' },
    found: ['too-many'],
  },
  {
    rules: ['AU-04'],
    probe: 'directory-tls',
    args: [],
    right: {
      files: { '/etc/sssd/sssd.conf': '[domain/a]\nldap_uri = ldaps://ldap.example\nldap_tls_reqcert = demand\n' },
    },
    wrong: {
      files: { '/etc/sssd/sssd.conf': '[domain/a]\nldap_uri = ldap://ldap.example\nldap_tls_reqcert = never\n' },
    },
    found: ['plain', 'unverified'],
  },
  {
    rules: ['AH-01', 'AH-03', 'AH-04', 'AH-05'],
    probe: 'account-hygiene',
    args: ['--person', 'ada'],
    right: { script: 'echo ada:correct-horse-battery | chpasswd' },
    wrong: {
      script: [
        'useradd --create-home --shell /bin/bash mallory',
        // Of openssl passwd -1.
        "usermod --password '$1$abcdefgh$ajpHhqPAiZXTVzMCsq1sM1' mallory",
        'passwd --delete guest',
      ].join('\n'),
    },
    found: ['double-uid', 'empty-password', 'service-with-shell', 'undeclared', 'weak-hash'],
  },
  {
    rules: ['PE-01', 'PE-02', 'PE-03', 'PE-05', 'PE-06'],
    probe: 'sudo',
    args: ['--explicit-arguments'],
    right: { files: { '/etc/sudoers': { text: sudoers, mode: 0o440 } } },
    wrong: {
      files: {
        '/etc/sudoers': {
          text: `Defaults env_reset\nguest ALL=(ALL) NOPASSWD: ALL\n%sudo ALL=(root) /usr/bin/systemctl, !/usr/bin/su\n@includedir /etc/sudoers.d\n`,
          mode: 0o440,
        },
        '/etc/sudoers.d/loose': { text: 'Defaults:guest !use_pty\n', mode: 0o440 },
      },
    },
    found: [
      'any-command',
      'becomes-root',
      'negation',
      'no-arguments',
      'no-password',
      'other-who',
      'scoped-setting',
      'setting',
    ],
  },
  {
    rules: ['PE-01'],
    probe: 'doas',
    args: ['--explicit-arguments'],
    right: { files: { '/etc/doas.conf': 'permit persist :sudo as root cmd /usr/bin/systemctl args restart nginx\n' } },
    wrong: { files: { '/etc/doas.conf': 'permit nopass keepenv guest\n' } },
    found: ['any-command', 'keeps-environment', 'no-password', 'other-who'],
  },
];
