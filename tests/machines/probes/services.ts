import type { ProbeCase } from './probe-case.ts';

/** Of test machines' clocks: now, and long before it. */
const past = '2020-01-01T00:00:00Z';

/** A key of the right length. */
const key = (name: string): string => `${name}-1:${'A'.repeat(43)}=`;

export const serviceCases: readonly ProbeCase[] = [
  {
    rules: ['AI-01', 'AI-02'],
    probe: 'inventory',
    args: ['--host', 'right'],
    right: {},
    wrong: {},
    found: ['hostname'],
  },
  {
    rules: ['AL-01'],
    probe: 'journal-storage',
    args: ['--retention-days', '365', '--free-percent-min', '1'],
    right: {
      script:
        'mkdir -p /var/log/journal && systemd-tmpfiles --create --prefix /var/log/journal && journalctl --flush && systemctl restart systemd-journald',
    },
    wrong: {
      files: { '/etc/systemd/journald.conf.d/volatile.conf': '[Journal]\nStorage=volatile\nMaxRetentionSec=1day\n' },
    },
    found: ['not-persistent', 'retention', 'storage'],
  },
  {
    rules: ['AL-03'],
    probe: 'log-forwarding',
    args: ['--unit', 'forward.service', '--state', '/var/lib/forward/state'],
    right: {
      files: { '/etc/systemd/system/forward.service': '[Service]\nExecStart=/bin/sleep infinity\n' },
      script:
        'systemctl daemon-reload && systemctl start forward.service && mkdir -p /var/lib/forward && touch /var/lib/forward/state',
    },
    wrong: { files: { '/etc/systemd/system/forward.service': '[Service]\nExecStart=/bin/false\n' } },
    found: ['not-active', 'queued'],
  },
  {
    rules: ['AL-04', 'IR-03', 'BR-04'],
    probe: 'drill-record',
    args: ['--file', '/var/lib/marker.json', '--kind', 'log-marker', '--max-age-hours', '720', '--max-seconds', '3600'],
    right: {
      script: `date -u '+{"kind":"log-marker","endedAt":"%Y-%m-%dT%H:%M:%SZ","outcome":"passed","durationSeconds":60}' > /var/lib/marker.json`,
    },
    wrong: {
      script: `echo '{"kind":"log-marker","endedAt":"${past}","outcome":"failed","durationSeconds":7200}' > /var/lib/marker.json`,
    },
    found: ['failed', 'old', 'slow'],
  },
  {
    rules: ['BR-02', 'BR-03'],
    probe: 'backup',
    args: [
      ...['--unit', 'backup.service', '--report', '/var/lib/snapshots.json', '--max-age-hours', '48'],
      ...['--retention-days', '365', '--path', '/srv/data'],
    ],
    right: {
      files: { '/etc/systemd/system/backup.service': '[Service]\nType=oneshot\nExecStart=/bin/true\n' },
      script: [
        'systemctl daemon-reload && systemctl start backup.service',
        `date -u '+[{"time":"${past}","paths":["/srv"]},{"time":"%Y-%m-%dT%H:%M:%S.123456789Z","paths":["/srv"]}]' > /var/lib/snapshots.json`,
      ].join('\n'),
    },
    wrong: {
      files: { '/etc/systemd/system/backup.service': '[Service]\nType=oneshot\nExecStart=/bin/false\n' },
      script: [
        'systemctl daemon-reload && systemctl start backup.service || true',
        `echo '[{"time":"${past}","paths":["/etc"]}]' > /var/lib/snapshots.json`,
      ].join('\n'),
    },
    found: ['failed', 'old', 'path'],
  },
  {
    rules: ['BR-04', 'VM-02'],
    probe: 'unit-run',
    args: ['--unit', 'verify.service', '--max-age-hours', '168'],
    right: {
      files: { '/etc/systemd/system/verify.service': '[Service]\nType=oneshot\nExecStart=/bin/true\n' },
      script: 'systemctl daemon-reload && systemctl start verify.service',
    },
    wrong: { files: { '/etc/systemd/system/verify.service': '[Service]\nType=oneshot\nExecStart=/bin/true\n' } },
    found: ['never'],
  },
  {
    rules: ['CM-03', 'AI-03', 'VM-04'],
    probe: 'closure',
    args: [
      ...['--released', '/nix/store/00000000000000000000000000000000-a', '--kernel'],
      ...['--released-at', past, '--max-age-days', '36500'],
      ...['forward', 'backup', 'verify', 'strong', 'chronyd', 'sshd'].flatMap((name) => ['--unit', `${name}.service`]),
    ],
    right: {
      script: system('a', 'a'),
    },
    wrong: {
      files: { '/etc/systemd/system/backdoor.service': '[Service]\nExecStart=/bin/true\n' },
      script: system('b', 'c'),
    },
    found: ['not-released', 'other-kernel', 'out-of-band-generation', 'strange-unit'],
  },
  {
    rules: ['DR-02'],
    probe: 'generations',
    args: ['--min', '1'],
    right: {},
    wrong: { script: 'rm /nix/store/*-c/activate' },
    found: ['broken', 'too-few'],
  },
  {
    rules: ['SC-02', 'VM-01', 'VM-03'],
    probe: 'age',
    args: ['--of', `nixpkgs=${past}`, '--max-days', '36500'],
    right: {},
    wrongArgs: ['--of', `nixpkgs=${past}`, '--max-days', '30'],
    wrong: {},
    found: ['old'],
  },
  {
    rules: ['SC-03'],
    probe: 'nix-trust',
    args: ['--substituter', 'https://cache.example', '--key', key('a')],
    right: {
      files: { '/etc/nix/nix.conf': `substituters = https://cache.example\ntrusted-public-keys = ${key('a')}\n` },
    },
    wrong: {
      files: {
        '/etc/nix/nix.conf': `substituters = https://cache.example http://other.example?trusted=true\ntrusted-public-keys = ${key('a')} ${key('b')}\nrequire-sigs = false\ntrusted-users = guest\n`,
      },
    },
    found: ['key', 'substituter', 'trusted-substituter', 'trusted-user', 'unsigned'],
  },
  {
    rules: ['SC-05'],
    probe: 'file-hashes',
    args: ['--expect', '/etc/sbom.json=44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a'],
    right: { files: { '/etc/sbom.json': '{}' } },
    wrong: { files: { '/etc/sbom.json': '[]' } },
    found: ['hash'],
  },
  {
    rules: ['SH-02'],
    probe: 'service-security',
    args: ['--max-tenths', '50', '--unit', 'strong.service'],
    right: {
      files: {
        '/etc/systemd/system/strong.service':
          '[Service]\nDynamicUser=yes\nExecStart=/bin/sleep infinity\nCapabilityBoundingSet=\nPrivateNetwork=yes\nPrivateDevices=yes\nProtectHome=yes\nProtectKernelTunables=yes\nProtectKernelModules=yes\nProtectControlGroups=yes\nRestrictNamespaces=yes\nSystemCallFilter=@system-service\nRestrictAddressFamilies=AF_UNIX\nProtectClock=yes\n',
      },
      script: 'systemctl daemon-reload && systemctl start strong.service',
    },
    wrong: {
      files: { '/etc/systemd/system/strong.service': '[Service]\nExecStart=/bin/sleep infinity\n' },
      script: 'systemctl daemon-reload && systemctl start strong.service',
    },
    found: ['exposed'],
  },
  {
    rules: ['FH-03', 'FH-04', 'FH-05', 'FH-06', 'FH-08'],
    probe: 'filesystem-hygiene',
    args: [
      ...['--setuid', '/usr/bin/', '--setuid', '/usr/sbin/', '--setuid', '/usr/lib/', '--mode', '/etc/shadow=640'],
      ...['--umask', '077', '--except', '/opt/nixfleet', '--except', '/var/log/journal'],
    ],
    right: { script: 'sed -i "s/^UMASK.*/UMASK 077/" /etc/login.defs' },
    wrong: {
      script: [
        'cp /bin/true /srv/root && chmod 4755 /srv/root',
        'mkdir /srv/open && chmod 777 /srv/open && touch /srv/theirs && chown 4242:4242 /srv/theirs',
        'mkfifo --mode 666 /tmp/pipe && touch /srv/all && chmod 666 /srv/all && chmod 644 /etc/shadow',
      ].join('\n'),
    },
    found: ['mode', 'no-sticky', 'open-socket', 'setuid', 'umask', 'unowned', 'world-writable-file'],
  },
  {
    rules: ['KM-01', 'KM-04'],
    probe: 'secret-files',
    args: ['--secret', '/run/secrets/db=root:root:400'],
    right: { script: 'mkdir -p /run/secrets && umask 377 && echo x > /run/secrets/db' },
    wrong: {
      script: 'mkdir -p /run/secrets && echo x > /srv/db && chown guest /srv/db && ln -s /srv/db /run/secrets/db',
    },
    found: ['mode', 'on-disk', 'owner'],
  },
  {
    rules: ['SY-01'],
    probe: 'synthetic',
    args: ['--fail-at', 'runtime', '--until', '1500000000'],
    wrongArgs: ['--fail-at', 'runtime', '--until', '4000000000'],
    right: {},
    wrong: {},
    found: ['drill'],
  },
];

/** A system that runs and is the profile's, whose kernel was booted, or another's. */
function system(running: string, profile: string): string {
  const path = (name: string): string => `/nix/store/00000000000000000000000000000000-${name}`;
  return [
    'mkdir -p /nix/store /nix/var/nix/profiles',
    ...[...new Set([running, profile])].map(
      (name) => `mkdir -p ${path(name)} && touch ${path(name)}/activate ${path(name)}/kernel ${path(name)}/initrd`,
    ),
    `ln -sfn ${path(running)} /run/current-system`,
    `ln -sfn ${path(profile)} /run/booted-system`,
    `ln -sfn ${path(profile)} /nix/var/nix/profiles/system-1-link`,
    'ln -sfn system-1-link /nix/var/nix/profiles/system',
  ].join('\n');
}
