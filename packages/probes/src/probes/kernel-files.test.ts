import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Recording, verdict } from '../recorded-machine.test.ts';
import { mounts } from './mounts.ts';
import { sysctl } from './sysctl.ts';

const net = '/proc/sys/net/ipv4/conf';

test('sysctl: values', async () => {
  const recording: Recording = {
    files: {
      '/proc/sys/kernel/kptr_restrict': '2\n',
      '/proc/sys/kernel/unprivileged_bpf_disabled': '2\n',
      '/proc/sys/net/ipv4/ip_local_port_range': '32768\t65535\n',
      '/proc/sys/kernel/core_pattern': '|/bin/x %P\n',
    },
  };
  for (const [expected, ...wants] of [
    ['compliant', 'kernel.kptr_restrict=2'],
    ['compliant', 'kernel.kptr_restrict>=1'],
    ['value', 'kernel.kptr_restrict>=3'],
    ['value', 'kernel.kptr_restrict=1'],
    ['value', 'kernel.unprivileged_bpf_disabled=1'],
    ['value', 'kernel.unprivileged_bpf_disabled!=2'],
    ['compliant', 'net.ipv4.ip_local_port_range=32768 65535'],
    ['value', 'kernel.core_pattern>=1'],
    ['missing', 'kernel.yama.ptrace_scope>=1'],
    ['compliant', 'kernel.yama.ptrace_scope?>=1', 'kernel.kptr_restrict=2'],
    ['value', 'kernel.kptr_restrict=2', 'kernel.kptr_restrict<=1'],
    ['error bad-arguments', 'kernel..kptr_restrict=2'],
    ['error bad-arguments', 'kernel.kptr_restrict'],
  ] as const)
    assert.equal(
      await verdict(sysctl, recording, ...wants.flatMap((want) => ['--expect', want])),
      expected,
      wants.join(' '),
    );
  assert.equal(await verdict(sysctl, recording), 'error bad-arguments');
});

test('sysctl: what holds for an interface is joined with `all` as the kernel does', async () => {
  const of = (leaf: string, all: number, own: number, more: Recording['files'] = {}): Recording => ({
    files: {
      [`${net}/all/${leaf}`]: `${all}\n`,
      [`${net}/default/${leaf}`]: '9\n',
      [`${net}/lo/${leaf}`]: '9\n',
      [`${net}/eth0.7/${leaf}`]: `${own}\n`,
      ...more,
    },
  });
  const ask = (leaf: string, want: string, recording: Recording): Promise<string> =>
    verdict(sysctl, recording, '--expect', `net.ipv4.conf.*.${leaf}=${want}`);
  assert.equal(await ask('rp_filter', '1', of('rp_filter', 1, 0)), 'compliant');
  assert.equal(await ask('rp_filter', '1', of('rp_filter', 1, 2)), 'value');
  assert.equal(await ask('send_redirects', '0', of('send_redirects', 0, 1)), 'value');
  assert.equal(await ask('accept_source_route', '0', of('accept_source_route', 0, 1)), 'compliant');
  assert.equal(await ask('accept_redirects', '0', of('accept_redirects', 0, 1)), 'value');
  const router = { [`${net}/eth0.7/forwarding`]: '1\n' };
  assert.equal(await ask('accept_redirects', '0', of('accept_redirects', 0, 1, router)), 'compliant');
  assert.equal(await ask('tag', '0', of('tag', 0, 1)), 'value');
});

const mountinfo = [
  '22 1 0:20 / / rw,relatime shared:1 - ext4 /dev/vda rw',
  '30 22 0:21 / /tmp rw,nosuid,nodev - tmpfs tmpfs rw,size=1g',
  '31 22 0:22 / /mnt/with\\040space ro,noexec - xfs /dev/vdb rw',
  '32 22 0:23 / /proc rw,nosuid - proc proc rw,hidepid=invisible',
  '',
].join('\n');

test('mounts', async () => {
  const files = {
    '/proc/self/mountinfo': mountinfo,
    '/tmp': { kind: 'directory' },
    '/var/tmp': { kind: 'directory' },
    '/proc/x': '',
    '/mnt/with space/x': '',
  } as const;
  for (const [expected, want] of [
    ['compliant', '/tmp=tmpfs:nosuid,nodev'],
    ['compliant', '/tmp=ramfs|tmpfs'],
    ['compliant', '/mnt/with space=*:noexec'],
    ['compliant', '/proc=proc:hidepid=2|hidepid=invisible'],
    ['compliant', '/boot?=*:nosuid'],
    ['option', '/tmp=tmpfs:noexec'],
    ['type', '/tmp=ext4'],
    ['not-mounted', '/boot=*'],
    ['not-mounted', '/var/tmp=tmpfs'],
    ['not-mounted', '/var/tmp?=tmpfs'],
    ['error bad-arguments', 'tmp'],
  ] as const)
    assert.equal(await verdict(mounts, { files }, '--expect', want), expected, want);
  assert.equal(await verdict(mounts, {}, '--expect', '/tmp=tmpfs'), 'error unreadable');
});
