import type { ProbeCase } from './probe-case.ts';

export const kernelCases: readonly ProbeCase[] = [
  {
    rules: ['BH-06'],
    probe: 'sysctl',
    args: [
      ...['--expect', 'net.ipv4.ip_forward=0', '--expect', 'net.ipv4.tcp_syncookies>=1'],
      ...['--expect', 'net.ipv4.conf.*.send_redirects=0', '--expect', 'net.ipv4.conf.all.rp_filter>=1'],
    ],
    right: {
      script: 'sysctl -q net.ipv4.conf.host0.send_redirects=0 net.ipv4.conf.all.rp_filter=1 net.ipv4.ip_forward=0',
    },
    wrong: { script: 'sysctl -q net.ipv4.conf.host0.send_redirects=1 net.ipv4.conf.all.rp_filter=1' },
    found: ['value'],
  },
  {
    rules: ['EAR-02'],
    probe: 'mounts',
    args: ['--expect', '/srv/scratch=tmpfs:nosuid,nodev,noexec'],
    right: { script: 'mkdir -p /srv/scratch && mount -t tmpfs -o nosuid,nodev,noexec tmpfs /srv/scratch' },
    wrong: { script: 'mkdir -p /srv/scratch && mount -t tmpfs -o nosuid,nodev tmpfs /srv/scratch' },
    found: ['option'],
  },
];
