import assert from 'node:assert/strict';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { addSeconds, formatOpensshPrivateKey, msToInstant } from '@nixfleet/contracts';
import { PacketLab } from '../packet/packet-lab.test.ts';
import { runNixfleet } from '../testing/run-nixfleet.ts';

describe('compliance commands, over releases with a static report', () => {
  let lab: PacketLab;
  before(async () => {
    lab = await PacketLab.create();
  });
  after(() => rm(lab.root, { recursive: true, force: true }));

  const run = (...args: string[]) => runNixfleet(['compliance', ...args]);
  const offline = () => [
    ...['--releases', lab.at('releases'), '--trust', lab.at('trust-1.json')],
    ...['--at', addSeconds(lab.from, 30 * 3600)],
  ];

  test('explain says what a rule is for and what it came to', async () => {
    const { code, stdout, stderr } = await run('explain', 'AC-01', '--host', 'web-1', ...offline());
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^AC-01: Rule AC-01$/m);
    assert.match(stdout, /^severity standard; contributes evidence to nis2 21\(2\)\(i\)$/m);
    assert.match(stdout, /^expected of it: \{"violationCount":0\}$/m);
    assert.match(stdout, /^web-1: pass$/m);
    const unknown = await run('explain', 'ZZ-99', ...offline());
    assert.equal(unknown.code, 1);
    assert.match(unknown.stderr, /^nixfleet: ZZ-99: no host has this rule: [^\n]+\n$/);
  });

  test('status counts, and diff names what a release changed', async () => {
    const { code, stdout, stderr } = await run('status', '--json', ...offline());
    assert.equal(code, 0, stderr);
    const { version, hosts, endingWaivers } = JSON.parse(stdout);
    assert.equal(version, 2);
    assert.deepEqual(endingWaivers, [], 'web-1 is mended: nothing rests on its waiver');
    assert.deepEqual(
      hosts.map(({ host, pass, fail }: { host: string; pass: number; fail: number }) => [host, pass, fail]),
      [
        ['canary', 3, 0],
        ['db', 3, 0],
        ['web-1', 3, 0],
        ['web-2', 3, 0],
      ],
    );
    const diff = await run('diff', '1', '2', '--json', ...offline());
    assert.deepEqual(JSON.parse(diff.stdout).changes, [
      { host: 'web-1', ruleId: 'AC-01', before: 'waived by W-2026-0001', after: 'pass' },
    ]);
    const missing = await run('diff', '1', '9', ...offline());
    assert.equal(missing.code, 1);
    assert.match(missing.stderr, /release 9 is not in/);
  });

  test('gap lists nothing where all passes, and refuses a framework that no rule speaks of', async () => {
    const { code, stdout, stderr } = await run('gap', '--framework', 'nis2', ...offline());
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^no gap in nis2 up to paranoid/);
    const other = await run('gap', '--framework', 'dora', '--host', 'web-1', ...offline());
    assert.equal(other.code, 0, other.stderr);
    assert.equal(
      other.stdout,
      [
        'web-1 dora: framework (it is not enabled)',
        '  compliance.frameworks.dora.enable = true;',
        '  effect: known once a release evaluates the host with it',
        '',
        'web-1, all lines for its configuration:',
        '  compliance.frameworks.dora.enable = true;',
        '',
      ].join('\n'),
    );
    const unknown = await run('gap', '--framework', 'nis3', ...offline());
    assert.equal(unknown.code, 1);
    assert.match(unknown.stderr, /nis3: no rule of any host speaks of it/);
  });

  test('a waiver is written, does not count before its approver signed it, and then does', async () => {
    const repository = lab.at('work');
    await mkdir(repository, { recursive: true });
    const key = await lab.fleet.keyOf('alice');
    assert.ok(key.privateKey.algorithm === 'ed25519');
    const { seed } = key.privateKey;
    const text = formatOpensshPrivateKey({ seed, publicRaw: key.publicKey.raw, comment: '', check: 7 });
    await writeFile(lab.at('alice.key'), text, { mode: 0o600 });
    const now = msToInstant(Date.now());
    const justification = 'The appliance behind it cannot do without passwords until it is replaced.';
    const what = ['--control', 'access-control', '--rule', 'AC-01', '--owner', 'Olivia', '--approver', 'alice'];
    const create = (...more: string[]) =>
      run(
        'waiver',
        'new',
        ...what,
        '--justification',
        justification,
        '--repository',
        repository,
        '--fleet',
        'demo',
        ...more,
      );
    const everything = await create();
    assert.equal(everything.code, 2);
    assert.match(everything.stderr, /a waiver is for hosts, tags or one channel/);
    assert.equal((await create('--host', 'web-1', '--for', '400d')).code, 2);
    assert.equal((await create('--host', 'web-1', '--owner', 'alice')).code, 2);
    const at = addSeconds(lab.from, 47 * 3600);
    const place = ['--releases', lab.at('releases'), '--trust', lab.at('trust-1.json'), '--at', at];
    const unknown = await create('--host', 'web-1', '--rule', 'ZZ-99', '--approver', 'ci', ...place);
    assert.match(unknown.stderr, /access-control has no rule ZZ-99 in release 2/);
    assert.match(unknown.stderr, /ci is no approver of trust 1/);
    await rm(`${repository}/compliance`, { recursive: true });
    const created = await create('--host', 'web-1', ...place);
    assert.doesNotMatch(created.stderr, /warning/);
    assert.equal(created.code, 0, created.stderr);

    const id = `W-${now.slice(0, 4)}-0001`;
    const list = async (...args: string[]) => {
      const { stdout } = await run('waiver', ...args, '--repository', repository, '--json', ...offline(), '--at', now);
      return JSON.parse(stdout).waivers.map((one: { id: string; problem: string | null }) => [one.id, one.problem]);
    };
    assert.deepEqual(await list('list'), [
      [id, `too-few-signers: waiver ${id}: alice, whom it names, has not signed it`],
    ]);
    const ci = await lab.fleet.keyOf('bob');
    assert.ok(ci.privateKey.algorithm === 'ed25519');
    const other = { seed: ci.privateKey.seed, publicRaw: ci.publicKey.raw, comment: '', check: 7 };
    await writeFile(lab.at('bob.key'), formatOpensshPrivateKey(other), { mode: 0o600 });
    const approving = ['waiver', 'approve', id, '--repository', repository, '--approver-key'];
    const wrong = await run(...approving, lab.at('bob.key'), ...place);
    assert.equal(wrong.code, 1);
    assert.match(wrong.stderr, /it names alice, and this is the key of bob/);
    const signed = await run(
      'waiver',
      'approve',
      id,
      '--approver-key',
      lab.at('alice.key'),
      '--repository',
      repository,
    );
    assert.equal(signed.code, 0, signed.stderr);
    assert.match(signed.stderr, /until .*: The appliance behind it/);
    assert.deepEqual(await list('list'), [[id, null]]);
    assert.deepEqual(await list('expiring', '--within', '30d'), []);
    assert.deepEqual(await list('expiring', '--within', '100d'), [[id, null]]);
    const file = await readFile(`${repository}/compliance/waivers/${id}.json`, 'utf8');
    assert.equal(JSON.parse(file).approver, 'alice');
  });
});
