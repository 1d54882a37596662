import type { ProbeCase } from './probe-case.ts';

const config = '/etc/ssh/sshd_config';
const right = [
  'UsePAM yes',
  'PasswordAuthentication no',
  // After a key, it is a second factor.
  'KbdInteractiveAuthentication yes',
  'PermitRootLogin prohibit-password',
  'AuthenticationMethods publickey,keyboard-interactive',
  'ChannelTimeout session:*=10m',
  'UnusedConnectionTimeout 10m',
  'TrustedUserCAKeys /etc/ssh/authority.pub',
  'AuthorizedKeysFile none',
  'RevokedKeys /etc/ssh/revoked',
  'KexAlgorithms sntrup761x25519-sha512@openssh.com',
  'Ciphers aes256-gcm@openssh.com',
  'MACs hmac-sha2-512-etm@openssh.com',
  'HostKey /etc/ssh/ssh_host_ed25519_key',
  '',
].join('\n');
// The door is shut for everybody but one group from one network: only a connection of that kind shows it.
const wrong = [
  'UsePAM yes',
  'PasswordAuthentication no',
  'KbdInteractiveAuthentication no',
  'PermitRootLogin no',
  'ClientAliveCountMax 0',
  'Include /etc/ssh/sshd_config.d/*.conf',
  '',
].join('\n');
const guests = [
  'Match Group guests Address 10.7.0.0/16',
  '  PasswordAuthentication yes',
  'Match User root',
  '  PermitRootLogin yes',
  '',
].join('\n');
const authority = {
  text: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1dXV1 authority\n',
  mode: 0o644,
};

const sshd = (text: string) => ({
  [config]: text,
  '/etc/ssh/sshd_config.d/guests.conf': guests,
  '/etc/ssh/authority.pub': authority,
  '/etc/ssh/revoked': '',
});

export const sshCases: readonly ProbeCase[] = [
  {
    rules: ['AC-01'],
    probe: 'ssh-login',
    args: [],
    right: { files: sshd(right) },
    wrong: {
      files: sshd(wrong),
      script: 'groupadd guests && useradd --create-home --shell /bin/bash --groups guests guest',
    },
    found: ['password', 'root-login'],
  },
  {
    rules: ['AC-02'],
    probe: 'ssh-idle',
    args: ['--max-minutes', '15'],
    right: {
      files: {
        '/etc/profile.d/idle.sh': 'readonly TMOUT=900\n',
        '/etc/systemd/logind.conf.d/idle.conf': '[Login]\nStopIdleSessionSec=15min\n',
      },
    },
    wrong: { files: { '/etc/profile.d/idle.sh': 'TMOUT=3600\n' } },
    found: ['channel-timeout', 'client-alive', 'logind', 'tmout', 'unused-connection-timeout'],
  },
  {
    rules: ['AC-03'],
    probe: 'administrators',
    args: ['--member', 'ada', '--compare-keys'],
    right: { script: 'useradd --create-home --groups sudo ada' },
    wrong: {
      script: [
        'useradd --create-home --groups sudo eve',
        'echo toor:x:0:0::/root:/bin/sh >> /etc/passwd',
        'echo "toor:*:19000:0:99999:7:::" >> /etc/shadow',
      ].join('\n'),
    },
    found: ['other-uid-0', 'undeclared-member'],
  },
  {
    rules: ['AU-01'],
    probe: 'ssh-methods',
    args: [],
    right: {},
    wrong: {},
    found: ['one-factor'],
  },
  {
    rules: ['AU-02'],
    probe: 'ssh-ca',
    args: ['--fingerprint', 'SHA256:WBDOcbg85VMkrG7tsRBHuJf8Er/j/KbTkelOEBNWnB4'],
    right: {},
    wrong: {},
    found: ['no-authority', 'no-revocations', 'plain-keys'],
  },
  {
    rules: ['EIT-05'],
    probe: 'ssh-algorithms',
    args: [
      ...['--kex', 'sntrup761x25519-sha512@openssh.com', '--cipher', 'aes256-gcm@openssh.com'],
      ...['--mac', 'hmac-sha2-512-etm@openssh.com'],
    ],
    right: {},
    wrong: {},
    found: ['algorithm'],
  },
  {
    rules: ['EIT-02', 'KM-02'],
    probe: 'host-keys',
    args: [],
    right: { script: 'rm /etc/ssh/ssh_host_rsa_key* /etc/ssh/ssh_host_ecdsa_key*' },
    wrong: { script: 'chmod 644 /etc/ssh/ssh_host_ed25519_key' },
    found: ['algorithm', 'readable'],
  },
];
