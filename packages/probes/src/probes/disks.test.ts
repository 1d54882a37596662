// Recordings of disks and firmware, which no container has.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Recording, verdict } from '../recorded-machine.test.ts';
import { bootLoader } from './boot-loader.ts';
import { encryptionAtRest } from './encryption-at-rest.ts';
import { luks } from './luks.ts';
import { secureBoot } from './secure-boot.ts';
import { swap } from './swap.ts';
import { verity } from './verity.ts';

describe('disks', () => {
  const device = (
    name: string,
    number: string,
    type: string,
    fstype: string | null,
    children: readonly object[] = [],
  ) => ({
    ...{ name, type, fstype, 'maj:min': number, fsver: fstype === 'crypto_LUKS' ? '2' : null },
    ...(children.length > 0 ? { children } : {}),
  });
  const lsblk = (...blockdevices: readonly object[]) => ({
    'lsblk --json --output NAME,TYPE,FSTYPE,FSVER,MAJ:MIN': JSON.stringify({ blockdevices }),
  });
  const root = device('root', '254:0', 'crypt', 'ext4');
  const encrypted = device('sda', '8:0', 'disk', null, [device('sda2', '8:2', 'part', 'crypto_LUKS', [root])]);
  const mountinfo = (...lines: readonly string[]) => ({
    '/proc/self/mountinfo': `${['23 1 0:5 / /proc rw - proc proc rw', '24 1 8:1 / /boot rw - vfat /dev/sda1 rw', ...lines].join('\n')}\n`,
  });
  const onRoot = mountinfo('25 1 254:0 / / rw - ext4 /dev/mapper/root rw');
  for (const [expected, recording] of [
    ['compliant', { files: onRoot, commands: lsblk(encrypted) }],
    [
      'plain',
      {
        files: mountinfo('25 1 8:2 / / rw - ext4 /dev/sda2 rw'),
        commands: lsblk(device('sda', '8:0', 'disk', null, [device('sda2', '8:2', 'part', 'ext4')])),
      },
    ],
    // LUKS1 is not enough.
    [
      'plain',
      {
        files: onRoot,
        commands: lsblk(
          device('sda', '8:0', 'disk', null, [{ ...device('sda2', '8:2', 'part', 'crypto_LUKS', [root]), fsver: '1' }]),
        ),
      },
    ],
    // A second file system in the clear is not covered by the first.
    [
      'plain',
      {
        files: mountinfo('25 1 254:0 / / rw - ext4 /dev/mapper/root rw', '26 1 8:3 / /srv rw - xfs /dev/sda3 rw'),
        commands: lsblk({
          ...encrypted,
          children: [...(encrypted.children ?? []), device('sda3', '8:3', 'part', 'xfs')],
        }),
      },
    ],
    ['unknown-device', { files: mountinfo('25 1 0:77 / / rw - overlayish none rw'), commands: lsblk(encrypted) }],
    ['error malformed', { files: onRoot, commands: { 'lsblk --json --output NAME,TYPE,FSTYPE,FSVER,MAJ:MIN': 'no' } }],
  ] as const)
    test(`encryption at rest: ${expected}`, async () =>
      assert.equal(await verdict(encryptionAtRest, recording), expected));

  test('encryption at rest: a mirror is as its worst leg', async () => {
    const mirror = device('md0', '9:0', 'raid1', 'ext4');
    const leg = (name: string, minor: number, isCrypt: boolean) =>
      isCrypt
        ? device(name, `8:${minor}`, 'disk', 'crypto_LUKS', [
            device(`c-${name}`, `254:${minor}`, 'crypt', 'linux_raid_member', [mirror]),
          ])
        : device(name, `8:${minor}`, 'disk', 'linux_raid_member', [mirror]);
    const files = mountinfo('25 1 9:0 / / rw - ext4 /dev/md0 rw');
    const ask = (second: boolean): Promise<string> =>
      verdict(encryptionAtRest, { files, commands: lsblk(leg('sda', 0, true), leg('sdb', 16, second)) });
    assert.equal(await ask(true), 'compliant');
    assert.equal(await ask(false), 'plain');
  });

  test('encryption at rest: ZFS and all devices of a btrfs', async () => {
    const zfs = mountinfo('25 1 0:50 / / rw - zfs tank/root rw');
    const get = 'zfs get -H -o value encryption tank/root';
    assert.equal(
      await verdict(encryptionAtRest, { files: zfs, commands: { ...lsblk(), [get]: 'aes-256-gcm\n' } }),
      'compliant',
    );
    assert.equal(await verdict(encryptionAtRest, { files: zfs, commands: { ...lsblk(), [get]: 'off\n' } }), 'plain');
    const btrfs = (second: string): Recording => ({
      files: {
        ...mountinfo('25 1 0:44 / / rw - btrfs /dev/mapper/root rw'),
        '/sys/fs/btrfs/u/devices/dm-0/dev': '254:0\n',
        '/sys/fs/btrfs/u/devices/second/dev': `${second}\n`,
      },
      commands: lsblk(encrypted, device('sdb', '8:16', 'disk', 'btrfs')),
    });
    assert.equal(await verdict(encryptionAtRest, btrfs('254:0')), 'compliant');
    assert.equal(await verdict(encryptionAtRest, btrfs('8:16')), 'plain');
  });

  test('swap: none, compressed memory, a random key, a partition, a file', async () => {
    const ask = (lines: string, more: Recording['files'] = {}): Promise<string> =>
      verdict(swap, {
        files: { '/proc/swaps': `Filename\tType\tSize\tUsed\tPriority\n${lines}`, ...more },
        commands: lsblk(
          device('sda', '8:0', 'disk', null, [
            device('sda3', '8:3', 'part', null, [device('swap', '254:3', 'crypt', 'swap')]),
          ]),
        ),
      });
    assert.equal(await ask(''), 'compliant');
    assert.equal(await ask('/dev/zram0 partition 1 0 5\n'), 'compliant');
    assert.equal(await ask('/dev/dm-3 partition 1 0 -2\n', { '/sys/class/block/dm-3/dev': '254:3\n' }), 'compliant');
    assert.equal(await ask('/dev/sda3 partition 1 0 -2\n', { '/sys/class/block/sda3/dev': '8:3\n' }), 'plain');
    assert.equal(await ask('/swapfile file 1 0 -2\n'), 'plain');
  });

  test('LUKS: slots, a TPM and what it is bound to', async () => {
    const header = (pcrs: readonly number[] | null, slots = 2): string =>
      JSON.stringify({
        keyslots: Object.fromEntries(
          Array.from({ length: slots }, (_, i) => [i, { type: 'luks2', kdf: { type: 'argon2id' } }]),
        ),
        tokens: pcrs === null ? {} : { 0: { type: 'systemd-tpm2', 'tpm2-pcrs': pcrs } },
      });
    const ask = (json: string, ...argv: readonly string[]): Promise<string> =>
      verdict(
        luks,
        { commands: { ...lsblk(encrypted), 'cryptsetup luksDump --dump-json-metadata /dev/sda2': json } },
        ...argv,
      );
    assert.equal(await ask(header([7, 11]), '--pcr', '7', '--slots', '2', '--kdf', 'argon2id'), 'compliant');
    assert.equal(await ask(header([11]), '--pcr', '7'), 'pcr');
    assert.equal(await ask(header(null), '--pcr', '7'), 'no-tpm');
    assert.equal(await ask(header([7], 3), '--slots', '2'), 'slots');
    assert.equal(await ask(header([7]), '--kdf', 'pbkdf2'), 'kdf');
    assert.equal(await ask('{}'), 'error malformed');
    assert.equal(
      await verdict(luks, { commands: lsblk(device('sda', '8:0', 'disk', 'ext4')) }),
      'not-applicable not-used',
    );
    const old = { ...device('sda', '8:0', 'disk', 'crypto_LUKS'), fsver: '1' };
    assert.equal(await verdict(luks, { commands: lsblk(old) }), 'luks1');
  });
});

describe('booting', () => {
  const global = '8be4df61-93ca-11d2-aa0d-00e098032b8c';
  const loader = '4a67b082-0a4c-41cf-b6c7-440b29bb8c4f';
  const at = '/sys/firmware/efi/efivars';
  const variable = (...value: readonly number[]) => ({ bytes: new Uint8Array([6, 0, 0, 0, ...value]) });
  const firmware = (isOn: number, isSetup: number, more: Recording['files'] = {}): Recording => ({
    files: {
      [`${at}/SecureBoot-${global}`]: variable(isOn),
      [`${at}/SetupMode-${global}`]: variable(isSetup),
      ...more,
    },
  });
  // The first four bytes are attributes: reading them would always find a number.
  for (const [expected, recording, ...argv] of [
    ['compliant', firmware(1, 0)],
    ['off', firmware(0, 0)],
    ['setup-mode', firmware(1, 1)],
    ['off setup-mode', { files: { [`${at}/Other-x`]: '' } }],
    ['not-applicable no-efi', { files: { '/sys/firmware/x': '' } }],
    ['off setup-mode', { files: { '/sys/firmware/x': '' } }, '--required'],
    ['error unreadable', { files: { '/sys/firmware/efi/fw_vendor': '' } }],
    ['no-image no-lockdown', firmware(1, 0), '--signed-image'],
    [
      'compliant',
      firmware(1, 0, {
        [`${at}/StubInfo-${loader}`]: variable(115, 0, 100, 0),
        '/sys/kernel/security/lockdown': 'none [integrity] confidentiality\n',
      }),
      '--signed-image',
    ],
    [
      'no-lockdown',
      firmware(1, 0, {
        [`${at}/StubInfo-${loader}`]: variable(115, 0),
        '/sys/kernel/security/lockdown': '[none] integrity\n',
      }),
      '--signed-image',
    ],
    ['other-keys', firmware(1, 0, { [`${at}/PK-${global}`]: variable(1, 2, 3) }), '--own-key', 'f'.repeat(64)],
    [
      'compliant',
      firmware(1, 0, { [`${at}/PK-${global}`]: variable(1, 2, 3) }),
      '--own-key',
      '039058c6f2c0cb492c533b0a4d14ef77cc0f78abccced5287d84a1a2011cfb81',
    ],
  ] as const)
    test(`secure boot: ${expected} ${argv.join(' ')}`, async () => {
      assert.equal(await verdict(secureBoot, recording, ...argv), expected);
    });

  for (const [expected, files] of [
    ['compliant', { '/boot/loader/loader.conf': 'timeout 3\neditor no\n' }],
    ['editor', { '/boot/loader/loader.conf': 'timeout 3\n' }],
    ['editor', { '/boot/loader/loader.conf': 'editor 1\n' }],
    ['compliant', { '/boot/grub/grub.cfg': 'set superusers="root"\npassword_pbkdf2 root grub.pbkdf2.sha512.1\n' }],
    ['editor', { '/boot/grub/grub.cfg': 'set timeout=1\n' }],
    ['no-loader', { '/boot/x': '' }],
  ] as const)
    test(`boot loader: ${expected}`, async () => assert.equal(await verdict(bootLoader, { files }), expected));
});

test('dm-verity: verified, corrupted, told to go on', async () => {
  const table = (more: string) => `0 8 verity 1 8:1 8:2 4096 4096 1 1 sha256 aa bb${more}\n`;
  const machine = (status: string, more = ''): Recording => ({
    files: {
      '/sys/block/dm-0/dm/uuid': 'CRYPT-VERITY-aa-root\n',
      '/sys/block/dm-0/dm/name': 'root\n',
      '/sys/block/sda/size': '1\n',
    },
    commands: { 'dmsetup status root': `0 8 verity ${status}\n`, 'dmsetup table root': table(more) },
  });
  assert.equal(await verdict(verity, machine('V')), 'compliant');
  assert.equal(await verdict(verity, machine('V', ' 1 restart_on_corruption')), 'compliant');
  assert.equal(await verdict(verity, machine('C')), 'corrupted');
  assert.equal(await verdict(verity, machine('V', ' 1 ignore_corruption')), 'ignores');
  assert.equal(await verdict(verity, { files: { '/sys/block/sda/size': '1\n' } }), 'not-applicable not-used');
});
