import type { ProbeCase } from './probe-case.ts';

const config = '/etc/ssh/sshd_config';
const base = 'UsePAM yes\nKbdInteractiveAuthentication no\n';

export const sshCases: readonly ProbeCase[] = [
  {
    rules: ['AC-01'],
    probe: 'ssh-login',
    args: [],
    right: { files: { [config]: `${base}PasswordAuthentication no\nPermitRootLogin prohibit-password\n` } },
    // The door is shut for everybody but one group from one network: only a connection of that kind shows it.
    wrong: {
      files: {
        [config]: `${base}PasswordAuthentication no\nPermitRootLogin no\nInclude /etc/ssh/sshd_config.d/*.conf\n`,
        '/etc/ssh/sshd_config.d/guests.conf':
          'Match Group guests Address 10.7.0.0/16\n  PasswordAuthentication yes\nMatch User root\n  PermitRootLogin yes\n',
      },
      script: 'groupadd guests && useradd --create-home --shell /bin/bash --groups guests guest',
    },
    found: ['password', 'root-login'],
  },
];
