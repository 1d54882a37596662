import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { addSeconds, evidenceChainStart } from '@nixfleet/contracts';
import { createTestFleet, type TestEvidence } from '@nixfleet/testkit';
import { runNixfleet } from '../testing/run-nixfleet.ts';
import { type Entry, rearchive, remanifest } from './changed-packet.test.ts';
import { collectionName } from './evidence-archive.ts';
import { filesOf } from './open-packet.ts';
import { commitOf, PacketLab, web } from './packet-lab.test.ts';

const exec = promisify(execFile);

describe('a packet', () => {
  let lab: PacketLab;
  let packet: string;
  let told: string;

  before(async () => {
    lab = await PacketLab.create();
    const created = await lab.create();
    assert.equal(created.code, 0, `${created.stdout}\n${created.stderr}`);
    packet = created.output;
    told = created.stdout;
    // The head of the last release has run out.
    await lab.fleet.signHead();
  });
  after(() => rm(lab.root, { recursive: true, force: true }));

  test('verifies from the trust that is given; a gap is told, and a failure where it is asked', async () => {
    const { code, found, codes } = await lab.verify(packet);
    assert.deepEqual(codes, []);
    assert.equal(code, 4, 'db has a gap, and web-2 collected nothing');
    const { hosts, hasFailures } = found as unknown as {
      hosts: { host: string; collections: number; gaps: unknown[] }[];
      hasFailures: boolean;
    };
    assert.deepEqual(
      hosts.map(({ host, collections, gaps }) => [host, collections, gaps]),
      [
        ['db', 41, [{ from: addSeconds(lab.from, 5 * 3600), to: addSeconds(lab.from, 13 * 3600) }]],
        ['web-1', 48, []],
        ['web-2', 0, [{ from: lab.from, to: lab.to }]],
      ],
    );
    assert.equal(hasFailures, false, 'its one failure is waived');
  });

  test('what the page says of drills and of hosts that are left out is told as well', async () => {
    assert.match(told, /^no drill on a host passed in the period: gate reported unproven$/m, 'its one drill is static');
    assert.match(told, /^left out: 1 host of the fleet: canary$/m);
    assert.doesNotMatch(told, /commit object/);
    const html = await readFile(join(packet, 'index.html'), 'utf8');
    assert.match(html, /No drill on a host passed in the period: gate reported unproven/);
    assert.match(html, /left out<\/td><td>canary<\/td>/);
  });

  test('the same inputs make the same bytes', async () => {
    const again = await lab.create();
    const files = await filesOf(packet);
    assert.deepEqual(await filesOf(again.output), files);
    for (const path of files) {
      assert.deepEqual(await readFile(join(again.output, path)), await readFile(join(packet, path)), path);
    }
  });

  test('the report says what was found, in honest words, without scripts', async () => {
    const html = await readFile(join(packet, 'index.html'), 'utf8');
    assert.ok(!/<script|javascript:|https?:\/\//i.test(html));
    for (const text of [
      'W-2026-0001',
      'Decided on',
      'D-2026-0001',
      'measured',
      'declared',
      'holds nobody’s statement',
      'nothing was collected',
      'Root on a host can forge',
      commitOf('second').name,
    ]) {
      assert.ok(html.includes(text), text);
    }
    const closure = lab.evidence.get(web)?.collections.at(-1)?.document.system.toplevel;
    assert.ok(html.includes(`<td>${closure}</td><td>${commitOf('second').name}</td>`), 'what it ran, by its journal');
  });

  test('the recipe of its README runs with stock tools, and fails where a byte was changed', async () => {
    const readme = await readFile(join(packet, 'README.md'), 'utf8');
    const recipe = /```sh\n([\s\S]*?)```/.exec(readme)?.[1] ?? assert.fail('no recipe');
    const run = (cwd: string) => exec('sh', ['-c', recipe], { cwd });
    assert.match((await run(packet)).stdout, /every signature holds/);
    await assert.rejects(exec('sh', ['-c', `zstd() { return 1; }\n${recipe}`], { cwd: packet }), 'nothing is unpacked');
    const forged = await lab.changed(packet, async (folder) => {
      await rearchive(folder, 'web-1', (entries) => {
        const text = new TextDecoder().decode(entries[3]?.bytes).replace('"kernel":"6.12.1"', '"kernel":"6.12.2"');
        Object.assign(entries[3] ?? {}, { bytes: Buffer.from(text) });
      });
      const sums = await readFile(join(folder, 'SHA256SUMS'), 'utf8');
      const bytes = await readFile(join(folder, 'hosts/web-1/evidence.tar.zst'));
      const sum = createHash('sha256').update(bytes).digest('hex');
      const fixed = sums.replace(/^[0-9a-f]{64}( {2}hosts\/web-1\/evidence\.tar\.zst)$/m, `${sum}$1`);
      await writeFile(join(folder, 'SHA256SUMS'), fixed);
    });
    await assert.rejects(run(forged));
  });

  const forgeries: readonly [string, readonly string[], (folder: string) => Promise<void>][] = [
    [
      'one byte of an archive flipped',
      ['file'],
      async (folder) => {
        const path = join(folder, 'hosts/web-1/evidence.tar.zst');
        const bytes = await readFile(path);
        bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
        await writeFile(path, bytes);
      },
    ],
    ['a failure made a pass', ['malformed'], (folder) => edit(folder, '"status":"fail"', '"status":"pass"')],
    [
      'a signature taken away',
      ['unsigned'],
      (folder) => rearchive(folder, 'web-1', (entries) => void Object.assign(entries.at(-1) ?? {}, { sshsig: null })),
    ],
    [
      'another host’s evidence',
      ['malformed'],
      async (folder) => {
        await cp(join(folder, 'hosts/db/evidence.tar.zst'), join(folder, 'hosts/web-1/evidence.tar.zst'));
        await remanifest(folder);
      },
    ],
    ['a release taken out', ['release-unverified', 'no-declared-key'], (folder) => dropRelease(folder, 1)],
    [
      'a static report changed',
      ['release'],
      (folder) => editReports(folder, '"optionPath":"x.y"', '"optionPath":"x.z"'),
    ],
    ['a waiver changed', ['release'], (folder) => editReports(folder, 'Olivia Operator', 'Olivia Operates')],
    [
      'a journal’s event changed',
      ['journal'],
      async (folder) => {
        const path = join(folder, 'hosts/web-1/journal.jsonl');
        await writeFile(
          path,
          (await readFile(path, 'utf8'))
            .replaceAll('boot-1', 'boot-2')
            .replace('agentVersion\\":\\"0.1.0', 'agentVersion\\":\\"0.1.1'),
        );
        await remanifest(folder);
      },
    ],
    [
      'a commit’s object changed',
      ['commit'],
      async (folder) => {
        await writeFile(join(folder, 'source', commitOf('first').name), 'tree of somebody else\n');
        await remanifest(folder);
      },
    ],
    [
      'a drill made to pass',
      ['drill'],
      async (folder) => {
        const path = join(folder, 'drills/D-2026-0001.json');
        await writeFile(path, (await readFile(path, 'utf8')).replace('"limitSeconds":300', '"limitSeconds":900'));
        await remanifest(folder);
      },
    ],
    [
      'another report page',
      ['report'],
      async (folder) => {
        const path = join(folder, 'index.html');
        await writeFile(path, (await readFile(path, 'utf8')).replace('waived', 'passed'));
        await remanifest(folder);
      },
    ],
    [
      'a signature that is too large',
      ['file'],
      async (folder) => {
        const path = join(folder, await oneOf(folder, /^releases\/release\/.*\.sig$/));
        await writeFile(path, Buffer.alloc(50_000, 32));
        await remanifest(folder);
      },
    ],
    [
      'a key that is too large',
      ['file'],
      async (folder) => {
        await writeFile(join(folder, await oneOf(folder, /^keys\//)), Buffer.alloc(5000, 32));
        await remanifest(folder);
      },
    ],
    [
      'a document that is too large',
      ['file'],
      async (folder) => {
        await writeFile(join(folder, await oneOf(folder, /^releases\/rollouts\//)), Buffer.alloc(20_000_000, 32));
        await remanifest(folder);
      },
    ],
    ['a link', ['file'], (folder) => symlink('/etc/passwd', join(folder, 'hosts', 'report.html'))],
    [
      'sums of one file alone',
      ['report'],
      async (folder) => {
        const path = join(folder, 'SHA256SUMS');
        await writeFile(path, `${(await readFile(path, 'utf8')).split('\n')[0]}\n`);
        await remanifest(folder, { keepsSums: true });
      },
    ],
    ['a file that nobody named', ['file'], (folder) => writeFile(join(folder, 'extra.txt'), 'x')],
    ['a file that is gone', ['file'], (folder) => rm(join(folder, 'README.md'))],
  ];

  async function oneOf(folder: string, kind: RegExp): Promise<string> {
    return (await filesOf(folder)).find((path) => kind.test(path)) ?? assert.fail(kind.source);
  }

  /** Changes the first text that is there in the archive of web-1. */
  function edit(folder: string, search: string, replacement: string): Promise<void> {
    return rearchive(folder, 'web-1', (entries) => {
      const entry =
        entries.find(({ bytes }) => new TextDecoder().decode(bytes).includes(search)) ?? assert.fail(search);
      entry.bytes = Buffer.from(new TextDecoder().decode(entry.bytes).replace(search, replacement));
    });
  }

  async function editReports(folder: string, search: string, replacement: string): Promise<void> {
    let isDone = false;
    for (const path of await filesOf(join(folder, 'releases/reports'))) {
      const file = join(folder, 'releases/reports', path);
      const text = await readFile(file, 'utf8');
      if (!text.includes(search)) continue;
      await writeFile(file, text.replace(search, replacement));
      isDone = true;
    }
    assert.ok(isDone, search);
    await remanifest(folder);
  }

  async function dropRelease(folder: string, version: number): Promise<void> {
    for (const path of await filesOf(join(folder, 'releases/release'))) {
      const file = join(folder, 'releases/release', path);
      const isIt = path.endsWith('.json') && JSON.parse(await readFile(file, 'utf8')).version === version;
      if (isIt) await rm(file);
    }
    await remanifest(folder);
  }

  for (const [name, expected, change] of forgeries) {
    test(`found: ${name}`, async () => {
      const { code, codes, stdout } = await lab.verify(await lab.changed(packet, change));
      assert.equal(code, 1, stdout);
      assert.ok(
        expected.some((one) => codes.includes(one)),
        `expected ${expected.join(' or ')}, got ${codes.join(', ')}`,
      );
    });
  }

  /** What the host, or whoever has its key, signs as its next collection, half an hour before the period ends. */
  async function append(entries: Entry[], options: Parameters<TestEvidence['collect']>[0]): Promise<void> {
    const evidence = lab.evidence.get(web) ?? assert.fail();
    const at = addSeconds(lab.to, -1800);
    const { document, bytes, sig, sshsig } = await evidence.collect({ at, signedBy: 'host:web-1-new', ...options });
    evidence.collections.pop();
    entries.push({ name: collectionName(document), bytes, sig, sshsig });
  }

  const outcomes: readonly [string, string | null, (entries: Entry[]) => void | Promise<void>][] = [
    ['one more collection that is true', null, (entries) => append(entries, {})],
    [
      'a byte changed',
      'bad-signature',
      (entries) => {
        const last = entries.at(-1) ?? assert.fail();
        last.bytes = Buffer.from(new TextDecoder().decode(last.bytes).replace('"6.12.1"', '"6.12.2"'));
      },
    ],
    ['signed by another host’s key', 'key-mismatch', (entries) => append(entries, { signedBy: 'host:web-2' })],
    [
      'the signatures exchanged for another host’s',
      'key-mismatch',
      async (entries) => {
        const last = entries.at(-1) ?? assert.fail();
        Object.assign(last, await lab.evidence.get(web)?.signed(last.bytes, 'host:web-2'));
      },
    ],
    [
      'an earlier collection once more',
      'replayed',
      (entries) => void entries.splice(9, 0, entries[5] ?? assert.fail()),
    ],
    ['a collection taken out', 'chain-gap', (entries) => void entries.splice(9, 1)],
    [
      'a failure under a waiver that has expired, said to run on',
      'waiver-invalid',
      (entries) => {
        const waivers = [{ ...lab.waiver, expiresAt: addSeconds(lab.to, 86_400) }];
        return append(entries, { failing: ['AC-01'], change: { waivers } });
      },
    ],
    [
      'the closure of the release before',
      'closure-mismatch',
      (entries) => {
        const system = lab.evidence.get(web)?.collections[0]?.document.system;
        return append(entries, { change: { facts: { system } } });
      },
    ],
  ];
  /** One collection of another chain, in which a rule fails that no waiver covers. */
  const another = { chain: 'f'.repeat(32), sequence: 1, previousSha256: evidenceChainStart };
  const appendAnother = (entries: Entry[]) =>
    append(entries, { failing: ['AL-01'], change: { facts: another } }).then(() => entries.pop() ?? assert.fail());
  const reorders: readonly [string, string, (entries: Entry[]) => Promise<void>][] = [
    ['the chains exchanged', 'stale', async (entries) => void entries.unshift(await appendAnother(entries))],
    [
      'the first chain once more behind the second',
      'replayed',
      async (entries) => void entries.push(await appendAnother(entries), ...entries),
    ],
  ];
  for (const [name, expected, change] of reorders) {
    test(`${expected}: ${name}, and the failure stays the last that is known`, async () => {
      const { code, found } = await lab.verify(await lab.changed(packet, (folder) => rearchive(folder, web, change)));
      const ofHost = found?.breaks.filter(({ where }) => where === web).map((one) => one.code);
      assert.deepEqual([...new Set(ofHost)], [expected]);
      assert.equal(code, 1);
      const { hasFailures } = found as unknown as { hasFailures: boolean };
      assert.equal(hasFailures, true);
    });
  }

  for (const [name, expected, change] of outcomes) {
    test(`${expected ?? 'whole'}: ${name}`, async () => {
      const { code, found } = await lab.verify(await lab.changed(packet, (folder) => rearchive(folder, web, change)));
      const ofHost = found?.breaks.filter(({ where }) => where === web).map((one) => one.code);
      assert.deepEqual(ofHost, expected === null ? [] : [expected]);
      assert.equal(code, 1, 'whatever was changed, the report is about other evidence');
    });
  }

  test('under another trust nothing holds', async () => {
    const other = await createTestFleet({
      trust: (draft) => void Object.assign(draft.roles.release, { signers: ['ci-spare'] }),
    });
    await writeFile(lab.at('other.json'), other.trustChain[0]?.bytes ?? '');
    const { code, stdout } = await runNixfleet([
      ...['compliance', 'packet', 'verify', packet, '--trust', lab.at('other.json'), '--json'],
    ]);
    assert.equal(code, 1);
    assert.ok(JSON.parse(stdout).breaks.some((found: { code: string }) => found.code === 'release'));
  });

  test('from a trust newer than its releases, create and verify say which to start from', async () => {
    await lab.fleet.nextTrust(() => {});
    const chain = lab.at('releases-newer');
    await cp(lab.at('releases'), chain, { recursive: true });
    for (const [path, bytes] of lab.fleet.files)
      if (path.startsWith('trust/')) await writeFile(join(chain, path), bytes);
    const newer = ['--trust', join(chain, 'trust/2.json')];
    const made = await runNixfleet([
      ...['compliance', 'packet', 'create', '--from', lab.from, '--to', lab.to, '--evidence', lab.at('evidence')],
      ...['--releases', chain, '--output', lab.at('packet-newer'), ...newer],
    ]);
    assert.equal(made.code, 1);
    assert.match(made.stderr, /^nixfleet: release\/.*: trust-gap: .*: start from trust 1 or older/m);
    assert.doesNotMatch(made.stderr, /mend/);
    const verified = await runNixfleet(['compliance', 'packet', 'verify', packet, ...newer]);
    assert.equal(verified.code, 1);
    assert.match(verified.stdout, /broken \(release\) .*: start from trust 1 or older/);
  });

  test('a packet of a broken chain is made all the same, and says so', async () => {
    const copy = lab.at('evidence-broken');
    await cp(lab.at('evidence'), copy, { recursive: true });
    await rm(join(copy, 'web-1', lab.from.slice(0, 10), '7.json'));
    const output = lab.at('packet-broken');
    const { code, stdout } = await runNixfleet([
      ...['compliance', 'packet', 'create', '--from', lab.from, '--to', lab.to, '--evidence', copy, '--output', output],
      ...['--releases', lab.at('releases'), '--trust', lab.at('trust-1.json')],
    ]);
    assert.equal(code, 1);
    assert.match(stdout, /broken \(chain-gap\) web-1/);
    assert.match(stdout, /^no commit object of 2 releases: 1, 2; create takes them from --source$/m);
    assert.match(stdout, /^no drill in the period: gate reported unproven$/m);
    assert.match(await readFile(join(output, 'index.html'), 'utf8'), /chain-gap/);
    assert.match(await readFile(join(output, 'index.html'), 'utf8'), /No drill in the period: gate reported unproven/);
  });
});
