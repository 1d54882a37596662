import type { ProbeCase, VmCase } from './probe-case.ts';

export const kernelCases: readonly ProbeCase[] = [
  {
    rules: ['BH-06'],
    probe: 'sysctl',
    args: [
      ...['--expect', 'net.ipv4.ip_forward=0', '--expect', 'net.ipv4.tcp_syncookies>=1'],
      ...['--expect', 'net.ipv4.conf.*.send_redirects=0', '--expect', 'net.ipv4.conf.*.rp_filter=1'],
    ],
    right: {
      // rp_filter of the interface itself stays 0: the kernel takes the larger.
      script:
        'sysctl -q net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.host0.send_redirects=0 net.ipv4.conf.all.rp_filter=1 net.ipv4.conf.host0.rp_filter=0 net.ipv4.ip_forward=0',
    },
    wrong: { script: 'sysctl -q net.ipv4.conf.host0.send_redirects=1 net.ipv4.conf.all.rp_filter=1' },
    found: ['value'],
  },
  {
    rules: ['BH-07', 'BH-10'],
    probe: 'sysctl',
    args: ['--expect', 'net.ipv6.conf.*.accept_redirects=0', '--expect', 'net.ipv6.conf.all.accept_redirects=0'],
    right: { script: 'sysctl -q net.ipv6.conf.all.accept_redirects=0 net.ipv6.conf.host0.accept_redirects=0' },
    wrong: { script: 'sysctl -q net.ipv6.conf.all.accept_redirects=0 net.ipv6.conf.host0.accept_redirects=1' },
    found: ['value'],
  },
  {
    rules: ['EAR-02', 'FH-01'],
    probe: 'mounts',
    args: ['--expect', '/srv/scratch=tmpfs:nosuid,nodev,noexec'],
    right: { script: 'mkdir -p /srv/scratch && mount -t tmpfs -o nosuid,nodev,noexec tmpfs /srv/scratch' },
    wrong: { script: 'mkdir -p /srv/scratch && mount -t tmpfs -o nosuid,nodev tmpfs /srv/scratch' },
    found: ['option'],
  },
];

/** What is the host's in a container: §3 of the specification names them. */
export const vmCases: readonly VmCase[] = [
  { rules: ['AL-02'], probe: 'audit', args: [] },
  { rules: ['BH-01', 'BH-02'], probe: 'kernel-cmdline', args: ['--expect', 'pti=on', '--vulnerabilities'] },
  {
    rules: ['BH-03', 'BH-04', 'BH-05', 'BH-08'],
    probe: 'sysctl',
    args: ['--expect', 'kernel.kptr_restrict?=2', '--hidepid'],
  },
  { rules: ['BH-09'], probe: 'kernel-modules', args: ['--forbid', 'usb-storage'] },
  { rules: ['EAR-01'], probe: 'encryption-at-rest', args: [] },
  { rules: ['EAR-03'], probe: 'swap', args: [] },
  { rules: ['EAR-04', 'KM-03'], probe: 'luks', args: [] },
  { rules: ['SB-01', 'SB-03', 'SB-04'], probe: 'secure-boot', args: [] },
  { rules: ['IS-03'], probe: 'verity', args: [] },
  { rules: ['SB-02'], probe: 'boot-loader', args: [] },
  { rules: ['MA-01', 'MA-02'], probe: 'apparmor', args: [] },
  { rules: ['KB-01'], probe: 'kernel-config', args: ['--expect', 'CONFIG_X=y'] },
  { rules: ['TS-02'], probe: 'time-sync', args: [] },
];
