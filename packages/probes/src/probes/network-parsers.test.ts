// Firewalls, sockets and links as programs print them.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { covers } from '../flow.ts';
import { acceptedIptablesPorts, inputAcceptsAll, inputEndsInDrop, parseIptablesSave } from '../iptables.ts';
import { acceptedPorts, acceptsAll, endsInDrop, parseNft } from '../nftables.ts';
import { verdict } from '../recorded-machine.test.ts';
import { isLoopback, parseSs } from '../sockets.ts';
import { networkDevices } from './network-devices.ts';

describe('nftables', () => {
  const ruleset = (policy: string, ...rules: readonly (readonly object[])[]) =>
    parseNft(
      JSON.stringify({
        nftables: [
          { metainfo: { version: '1.0.6' } },
          { chain: { family: 'inet', table: 'f', name: 'in', hook: 'input', type: 'filter', prio: 0, policy } },
          ...rules.map((expr) => ({ rule: { family: 'inet', table: 'f', chain: 'in', expr } })),
        ],
      }),
    );
  const drop = [{ counter: { packets: 1, bytes: 2 } }, { drop: null }];
  const port = [
    {
      match: {
        op: '==',
        left: { payload: { protocol: 'tcp', field: 'dport' } },
        right: { set: [22, { range: [8000, 8010] }] },
      },
    },
    { accept: null },
  ];
  const inputOf = (...given: Parameters<typeof ruleset>) => {
    const [input] = ruleset(...given).inputs;
    assert.ok(input);
    return input;
  };

  test('ends in a drop by policy or by its last rule', () => {
    assert.ok(endsInDrop(inputOf('drop')));
    assert.ok(endsInDrop(inputOf('accept', port, drop)));
    assert.ok(endsInDrop(inputOf('accept', [{ reject: null }])));
    assert.ok(!endsInDrop(inputOf('accept', port)));
    assert.ok(!endsInDrop(inputOf('accept', drop, port)));
    // A drop of something is no drop of everything.
    assert.ok(!endsInDrop(inputOf('accept', [port[0] ?? {}, { drop: null }])));
  });

  test('a rule that accepts everything undoes it', () => {
    assert.ok(acceptsAll(inputOf('drop', [{ counter: {} }, { accept: null }]).rules));
    assert.ok(!acceptsAll(inputOf('drop', port).rules));
  });

  test('ports, sets, ranges, and where from', () => {
    const from = [
      {
        match: {
          op: '==',
          left: { payload: { protocol: 'ip', field: 'saddr' } },
          right: { prefix: { addr: '10.0.0.0', len: 8 } },
        },
      },
      { match: { op: '==', left: { payload: { protocol: 'udp', field: 'dport' } }, right: 53 } },
      { accept: null },
    ];
    assert.deepEqual(acceptedPorts(ruleset('drop', port, from)), [
      { port: 'tcp/22', from: null },
      { port: 'tcp/8000-8010', from: null },
      { port: 'udp/53', from: '10.0.0.0/8' },
    ]);
  });

  test('what is not nft', () => assert.throws(() => parseNft('{}'), { code: 'malformed' }));
});

describe('iptables', () => {
  const save = (...rules: readonly string[]) =>
    parseIptablesSave(
      ['*filter', ':INPUT ACCEPT [0:0]', ':fw - [0:0]', ':refuse - [0:0]', ':ok - [0:0]', ...rules, 'COMMIT'].join(
        '\n',
      ),
    );
  const chains = ['-A refuse -j DROP', '-A ok -j ACCEPT'];

  test('the last rule decides, through chains', () => {
    assert.ok(inputEndsInDrop(save('-A INPUT -j fw', '-A fw -p tcp --dport 22 -j ok', '-A fw -j refuse', ...chains)));
    assert.ok(!inputEndsInDrop(save('-A INPUT -j fw', '-A fw -j refuse', '-A fw -p udp -j ok', ...chains)));
    // Where the chain is entered only for some, others pass.
    assert.ok(!inputEndsInDrop(save('-A INPUT -i eth0 -j fw', '-A fw -j refuse', ...chains)));
    assert.ok(!inputEndsInDrop(save('-A INPUT -j fw', '-A fw -p tcp -j refuse', ...chains)));
    assert.ok(inputEndsInDrop(parseIptablesSave(':INPUT DROP [0:0]\n')));
    // A loop of chains ends.
    assert.ok(!inputEndsInDrop(save('-A INPUT -j fw', '-A fw -j fw')));
  });

  test('a rule for everything, before the last', () => {
    assert.ok(inputAcceptsAll(save('-A INPUT -j ok', '-A INPUT -j refuse', ...chains)));
    assert.ok(inputAcceptsAll(save('-A INPUT -m comment --comment x -j ACCEPT', '-A INPUT -j refuse', ...chains)));
    assert.ok(!inputAcceptsAll(save('-A INPUT -i lo -j ok', '-A INPUT -j refuse', ...chains)));
  });

  test('ports', () => {
    const filter = save(
      '-A INPUT -j fw',
      '-A fw -s 10.0.0.0/8 -p tcp -m multiport --dports 22,8000:8010 -j ok',
      '-A refuse -p tcp --dport 1 -j ok',
      ...chains,
    );
    assert.deepEqual(acceptedIptablesPorts(filter), [
      { port: 'tcp/22', from: '10.0.0.0/8' },
      { port: 'tcp/8000-8010', from: '10.0.0.0/8' },
    ]);
  });
});

test('ss: addresses, interfaces, programs', () => {
  const text = [
    'udp   UNCONN 0      0         127.0.0.53%lo:53        0.0.0.0:*    users:(("systemd-resolve",pid=1,fd=13))',
    'tcp   LISTEN 0      128                [::]:22           [::]:*    users:(("sshd",pid=9,fd=4),("systemd",pid=1,fd=5))',
    'tcp   LISTEN 0      511                   *:80              *:*',
    '',
  ].join('\n');
  assert.deepEqual(parseSs(text), [
    { protocol: 'udp', address: '127.0.0.53', port: 53, program: 'systemd-resolve' },
    { protocol: 'tcp', address: '::', port: 22, program: 'sshd' },
    { protocol: 'tcp', address: '*', port: 80, program: null },
  ]);
  assert.throws(() => parseSs('raw x'), { code: 'malformed' });
  assert.ok(isLoopback('::ffff:127.0.0.1'));
  assert.ok(!isLoopback('127x'));
  assert.ok(!isLoopback('*'));
});

test('ip: VLANs with their parents, bridges', async () => {
  const links = [
    {},
    { ifname: 'eth0' },
    { ifname: 'eth0.7', link: 'eth0', linkinfo: { info_kind: 'vlan', info_data: { id: 7 } } },
    { ifname: 'br0', linkinfo: { info_kind: 'bridge' } },
  ];
  const commands = { 'ip --json --details link': JSON.stringify(links) };
  for (const [expected, ...argv] of [
    ['compliant', '--vlan', '7=eth0', '--bridge', 'br0', '--device', 'eth0.7', '--exact'],
    ['missing-vlan', '--vlan', '7=eth1'],
    ['missing-device', '--device', 'eth0'],
    ['other-vlan', '--bridge', 'br0', '--exact'],
    ['other-bridge', '--vlan', '7', '--exact'],
  ] as const)
    assert.equal(await verdict(networkDevices, { commands }, ...argv), expected, argv.join(' '));
});

test('flows', () => {
  assert.ok(covers('udp/60000-61000', 'udp/60001'));
  assert.ok(covers('tcp/22', 'tcp/22'));
  assert.ok(!covers('tcp/22', 'udp/22'));
  assert.ok(!covers('tcp/100-200', 'tcp/150-250'));
  assert.ok(!covers('tcp/22', 'tcp/220'));
});
