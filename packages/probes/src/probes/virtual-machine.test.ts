// What no container can say of itself: recordings of what machines with a kernel of their own say.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { Probe } from '../probe.ts';
import { printed, type Recording, recordedAtMs, verdict } from '../recorded-machine.test.ts';
import { apparmor } from './apparmor.ts';
import { audit } from './audit.ts';
import { bootLoader } from './boot-loader.ts';
import { encryptionAtRest } from './encryption-at-rest.ts';
import { kernelCmdline } from './kernel-cmdline.ts';
import { kernelConfig } from './kernel-config.ts';
import { kernelModules } from './kernel-modules.ts';
import { luks } from './luks.ts';
import { secureBoot } from './secure-boot.ts';
import { swap } from './swap.ts';
import { sysctl } from './sysctl.ts';
import { timeSync } from './time-sync.ts';

const container = { '/run/systemd/container': 'systemd-nspawn\n' };

test('each says in a container that it has no meaning there', async () => {
  const cases: readonly (readonly [Probe, ...string[]])[] = [
    [audit],
    [kernelCmdline],
    [kernelModules, '--forbid', 'x'],
    [kernelConfig],
    [encryptionAtRest],
    [swap],
    [luks],
    [secureBoot],
    [bootLoader],
    [apparmor],
    [timeSync],
    [sysctl, '--expect', 'kernel.sysrq=0'],
  ];
  for (const [probe, ...argv] of cases)
    assert.equal(await verdict(probe, { files: container }, ...argv), 'not-applicable container', probe.name);
});

test('of sysctl, a container has what is of its network', async () => {
  const files = { ...container, '/proc/sys/net/ipv4/ip_forward': '1\n', '/proc/sys/kernel/sysrq': '1\n' };
  const expected = ['--expect', 'kernel.sysrq=0', '--expect', 'net.ipv4.ip_forward=0', '--hidepid'];
  const found = await printed(sysctl, { files }, ...expected);
  assert.deepEqual([found.notMeasured, found.violations.map(({ subject }) => subject)], [1, ['net.ipv4.ip_forward']]);
});

describe('audit', () => {
  const rules = ['-w /etc/passwd -p wa -k identity', '-a always,exit -F arch=b64 -S execve -F euid=0 -F key=root'];
  const machine = (
    status: string,
    loaded: readonly string[],
    config = 'max_log_file_action = ROTATE\n',
  ): Recording => ({
    files: {
      '/etc/audit/auditd.conf': `${config}space_left_action = SYSLOG\nadmin_space_left_action = SUSPEND\ndisk_full_action = SUSPEND\n`,
    },
    commands: { 'auditctl -s': status, 'auditctl -l': `${loaded.join('\n')}\n` },
  });
  const good = 'enabled 1\nfailure 1\npid 412\nrate_limit 0\nbacklog_limit 8192\nlost 0\nbacklog 0\n';
  const asked = [
    ...['--rule', '-w /etc/passwd -k other -p aw'],
    // Syscalls and fields may stand in any order.
    ...['--rule', '-a exit,always -F euid=0 -F arch=b64 -S execve -k x', '--rotation'],
  ];
  for (const [expected, recording] of [
    ['compliant', machine(good, rules)],
    // As newer versions print a watch.
    ['compliant', machine(good, ['-a always,exit -F path=/etc/passwd -F perm=wa -F key=identity', rules[1] ?? ''])],
    ['missing-rule', machine(good, rules.slice(1))],
    ['missing-rule', machine(good, ['-w /etc/passwd -p r', rules[1] ?? ''])],
    ['missing-rule', machine(good, ['No rules'])],
    ['disabled', machine(good.replace('enabled 1', 'enabled 0'), rules)],
    ['no-daemon', machine(good.replace('pid 412', 'pid 0'), rules)],
    ['lost', machine(good.replace('lost 0', 'lost 7'), rules)],
    ['rotation', machine(good, rules, 'max_log_file_action = ignore\n')],
    ['error malformed', machine('enabled 1\n', rules)],
    ['error command-missing', { files: {} }],
  ] as const)
    test(`${expected}`, async () => assert.equal(await verdict(audit, recording, ...asked), expected));
  test('a disk that fills without anything happening', async () => {
    const recording = { ...machine(good, rules), files: { '/etc/audit/auditd.conf': '' } };
    assert.equal(await verdict(audit, recording, ...asked), 'disk-full-action');
  });
});

describe('the kernel', () => {
  const kernel = (release: string, cmdline: string, more: Recording['files'] = {}): Recording => ({
    files: { '/proc/sys/kernel/osrelease': `${release}\n`, '/proc/cmdline': `${cmdline}\n`, ...more },
  });
  const intel = { '/proc/cpuinfo': 'processor\t: 0\nvendor_id\t: GenuineIntel\n' };
  for (const [expected, recording, ...argv] of [
    ['compliant', kernel('6.6.1', 'quiet mds=full,nosmt'), '--expect', 'mds=full,nosmt'],
    // A part of a word is not the word.
    ['missing-word', kernel('6.6.1', 'mds=full'), '--expect', 'mds=full,nosmt'],
    ['missing-word', kernel('6.6.1', 'xpti=on'), '--expect', 'pti=on'],
    ['compliant', kernel('6.6.1', 'page_poison=1'), '--expect', 'page_poison=on|page_poison=1'],
    ['compliant', kernel('5.18.0', ''), '--expect', '<5.18:mce=0'],
    ['missing-word', kernel('5.17.9', ''), '--expect', '<5.18:mce=0'],
    ['compliant', kernel('6.9', ''), '--expect', '>=6.17:hash_pointers=always'],
    ['missing-word', kernel('6.17.0-rc1', ''), '--expect', '>=6.17:hash_pointers=always'],
    ['forbidden-word', kernel('6.6.1', 'mitigations=off'), '--forbid', 'mitigations='],
    ['no-iommu', kernel('6.6.1', 'iommu=force'), '--iommu'],
    ['compliant', kernel('6.6.1', 'iommu=force', { '/sys/class/iommu/dmar0/x': '' }), '--iommu'],
    ['compliant', kernel('6.6.1', 'intel_iommu=on', intel), '--cpu', 'intel', '--expect', 'intel_iommu=on'],
    ['not-applicable other-architecture', kernel('6.6.1', '', intel), '--cpu', 'amd'],
    ['error unreadable', { files: {} }, '--expect', 'x'],
  ] as const)
    test(`cmdline: ${argv.join(' ')}: ${expected}`, async () => {
      assert.equal(await verdict(kernelCmdline, recording, ...argv), expected);
    });

  test('vulnerabilities: any that is not mitigated, in whatever case it is written', async () => {
    const folder = '/sys/devices/system/cpu/vulnerabilities';
    const with_ = (says: string): Recording =>
      kernel('6.6', '', { [`${folder}/mds`]: 'Not affected\n', [`${folder}/l1tf`]: says });
    const ask = (says: string): Promise<string> => verdict(kernelCmdline, with_(says), '--vulnerabilities');
    assert.equal(await ask('Mitigation: PTE Inversion; VMX: SMT disabled\n'), 'compliant');
    assert.equal(await ask('Vulnerable: No microcode\n'), 'vulnerable');
    assert.equal(await ask('Mitigation: PTE Inversion; SMT vulnerable\n'), 'vulnerable');
    assert.equal(await verdict(kernelCmdline, kernel('6.6', ''), '--vulnerabilities'), 'error unreadable');
  });

  test('modules: both spellings, loaded or not blacklisted', async () => {
    const files = {
      '/proc/modules': 'usb_storage 81920 0 - Live 0x0\next4 1 0 - Live 0x0\n',
      '/etc/modprobe.d/a.conf': '# blacklist uas\nblacklist firewire-core\ninstall thunderbolt /bin/false\n',
    };
    const ask = (...argv: readonly string[]): Promise<string> => verdict(kernelModules, { files }, ...argv);
    assert.equal(await ask('--forbid', 'usb-storage'), 'loaded');
    assert.equal(await ask('--forbid', 'uas'), 'compliant');
    assert.equal(await ask('--forbid', 'uas', '--blacklisted'), 'not-blacklisted');
    assert.equal(await ask('--forbid', 'firewire_core', '--forbid', 'thunderbolt', '--blacklisted'), 'compliant');
  });

  test('how it was built: packed or in /boot, by version, and never unknown', async () => {
    const text = 'CONFIG_BUG=y\n# CONFIG_KEXEC is not set\nCONFIG_PANIC_TIMEOUT=-1\nCONFIG_MODULE_SIG_HASH="sha512"\n';
    const packed = kernel('6.6.1', '', { '/proc/config.gz': { bytes: new Uint8Array(gzipSync(text)) } });
    const ask = (...wants: readonly string[]): Promise<string> =>
      verdict(kernelConfig, packed, ...wants.flatMap((one) => ['--expect', one]));
    assert.equal(
      await ask('CONFIG_BUG=y', 'CONFIG_KEXEC=n', 'CONFIG_NOT_THERE=n', 'CONFIG_MODULE_SIG_HASH=sha512'),
      'compliant',
    );
    assert.equal(await ask('CONFIG_KEXEC=y'), 'option');
    assert.equal(await ask('CONFIG_PANIC_TIMEOUT=1|-1'), 'compliant');
    assert.equal(await ask('<5.5:CONFIG_REFCOUNT_FULL=y', '>=6.17:CONFIG_KSTACK_ERASE=y'), 'compliant');
    assert.equal(await ask('>=6.6:CONFIG_KSTACK_ERASE=y'), 'option');
    const inBoot = kernel('6.6.1', '', { '/boot/config-6.6.1': text });
    assert.equal(await verdict(kernelConfig, inBoot, '--expect', 'CONFIG_BUG=y'), 'compliant');
    assert.equal(await verdict(kernelConfig, kernel('6.6.1', ''), '--expect', 'CONFIG_BUG=n'), 'error unreadable');
    const broken = kernel('6.6.1', '', { '/proc/config.gz': { bytes: new Uint8Array([31, 139, 8]) } });
    assert.equal(await verdict(kernelConfig, broken, '--expect', 'CONFIG_BUG=n'), 'error malformed');
    const empty = kernel('6.6.1', '', { '/boot/config-6.6.1': 'nothing' });
    assert.equal(await verdict(kernelConfig, empty, '--expect', 'CONFIG_BUG=n'), 'error malformed');
  });
});

describe('apparmor', () => {
  const on = { '/sys/module/apparmor/parameters/enabled': 'Y\n' };
  const with_ = (profiles: string) => ({ ...on, '/sys/kernel/security/apparmor/profiles': profiles });
  for (const [expected, files, ...argv] of [
    ['compliant', with_('/usr/bin/man (enforce)\nnginx (enforce)\n'), '--profile', 'nginx'],
    ['missing-profile', with_('/usr/bin/man (enforce)\n'), '--profile', 'nginx'],
    ['complains', with_('a (enforce)\nb (complain)\n')],
    ['compliant', with_('a (enforce)\nb (complain)\n'), '--complain'],
    ['missing-profile', with_('a (enforce)\nb (complain)\n'), '--complain', '--profile', 'b'],
    ['no-profile', on],
    ['off', { '/sys/module/apparmor/parameters/enabled': 'N\n' }],
  ] as const)
    test(`${expected} ${argv.join(' ')}`, async () =>
      assert.equal(await verdict(apparmor, { files }, ...argv), expected));
});

describe('time', () => {
  const nowSeconds = recordedAtMs / 1000;
  const tracking = (
    more: { ago?: number; offset?: string; state?: string; stratum?: number; server?: string } = {},
  ): Recording => {
    const { ago = 60, offset = '-0.000021', state = 'Normal', stratum = 3, server = '192.0.2.9' } = more;
    const line = `C0000209,${server},${stratum},${nowSeconds - ago}.123,${offset},0.00001,0.00002,-1.5,0.001,0.02,0.01,0.001,64.2,${state}\n`;
    return { commands: { 'chronyc -n -c tracking': line } };
  };
  for (const [expected, recording, ...argv] of [
    ['compliant', tracking()],
    ['offset', tracking({ offset: '-3.2' })],
    ['old', tracking({ ago: 90_000 })],
    ['not-synchronised old', tracking({ state: 'Not synchronised', stratum: 0 })],
    ['other-source', tracking(), '--server', '192.0.2.1'],
    ['compliant', tracking(), '--server', '192.0.2.9'],
    ['error malformed', { commands: { 'chronyc -n -c tracking': 'x\n' } }],
  ] as const)
    test(`chrony: ${expected} ${argv.join(' ')}`, async () => {
      assert.equal(await verdict(timeSync, recording, ...argv), expected);
    });

  const timesyncd = (isSynchronised: string, message: string, touchedMs: number | null): Recording => ({
    commands: {
      'timedatectl show-timesync': `ServerName=ntp.example\n${message}`,
      'timedatectl show': `NTPSynchronized=${isSynchronised}\n`,
    },
    files: touchedMs === null ? {} : { '/run/systemd/timesync/synchronized': { modifiedMs: touchedMs } },
  });
  const message = 'NTPMessage={ Leap=0, Offset=+1.234ms, Delay=20ms }\n';
  for (const [expected, recording] of [
    ['compliant', timesyncd('yes', message, recordedAtMs - 1000)],
    ['not-synchronised', timesyncd('no', message, recordedAtMs - 1000)],
    ['offset', timesyncd('yes', 'NTPMessage={ Offset=-2.5s }\n', recordedAtMs - 1000)],
    ['old', timesyncd('yes', message, null)],
  ] as const)
    test(`timesyncd: ${expected}`, async () => {
      assert.equal(await verdict(timeSync, recording, '--daemon', 'timesyncd'), expected);
    });
});
