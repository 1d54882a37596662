import assert from 'node:assert/strict';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { after, before, beforeEach, describe, test } from 'node:test';
import { addSeconds, type EvidenceUpload, type EvidenceView, HostName, type Instant } from '@nixfleet/contracts';
import { systemClock } from '@nixfleet/contracts/node-clock';
import { generatePrivateKey, privateKeyToPem } from '@nixfleet/contracts/node-crypto';
import type { TestCollection } from '@nixfleet/testkit';
import { filesOf } from '../packet/open-packet.ts';
import { PacketLab, web } from '../packet/packet-lab.test.ts';
import { runNixfleet } from '../testing/run-nixfleet.ts';
import { type Answer, startViewsServer, type ViewsServer } from '../testing/views-server.ts';

/** Documents that the server puts on one page. */
const pageEntries = 5;

describe('compliance fetch', () => {
  let lab: PacketLab;
  let server: ViewsServer;
  let identity: string;
  /** What the control plane makes of a page before it sends it. */
  let change: (host: string, view: EvidenceView, from: string) => Answer;
  const honest: typeof change = (_, view) => ({ body: view });

  before(async () => {
    lab = await PacketLab.create();
    identity = lab.at('operator.key');
    await writeFile(identity, privateKeyToPem(generatePrivateKey('ed25519')), { mode: 0o600 });
    server = await startViewsServer(
      answer,
      new Date(systemClock.now()).toISOString().replace(/\.\d+Z$/, 'Z') as Instant,
    );
  });
  after(async () => {
    await server[Symbol.asyncDispose]();
    await rm(lab.root, { recursive: true, force: true });
  });
  beforeEach(() => {
    change = honest;
  });

  /** As a control plane answers: documents of a time, oldest first, a page at a time; and journals. */
  function answer(path: string): Answer {
    const url = new URL(path, 'https://control-plane');
    const get = (name: string) => url.searchParams.get(name) ?? '';
    const host = /^\/v1\/evidence\/(.+)$/.exec(url.pathname)?.[1];
    if (host === undefined) return { body: { events: get('host') === web ? journal : [], next: null } };
    const all = lab.evidence.get(HostName.parse(host))?.collections ?? [];
    if (get('newest') === '1') return change(host, viewOf(all.slice(-1), null), '');
    const left = all.filter(({ document }) => {
      const { collectedAt, sequence } = document;
      return (
        get('from') <= collectedAt && collectedAt < get('to') && sequence > Number(get('after').split('/')[2] ?? 0)
      );
    });
    const page = left.slice(0, pageEntries);
    const last = page.at(-1)?.document;
    const next = left.length > page.length && last ? `${last.collectedAt}/${last.chain}/${last.sequence}` : null;
    return change(host, viewOf(page, next), get('from'));
  }

  function viewOf(page: readonly TestCollection[], next: string | null): EvidenceView {
    const uploads = page.map(({ bytes, sig, sshsig }) => ({ evidence: new TextDecoder().decode(bytes), sig, sshsig }));
    return { evidence: uploads, next };
  }

  let journal: object[] = [];
  before(async () => {
    const lines = (await readFile(lab.at('evidence', 'web-1', 'journal.jsonl'), 'utf8')).trim().split('\n');
    const receivedAt = lab.from;
    journal = lines.map((line, i) => ({ position: i + 1, receivedAt, host: 'web-1', ...JSON.parse(line) }));
  });

  const fetchInto = (directory: string, ...more: string[]) =>
    runNixfleet([
      ...['compliance', 'fetch', '--from', lab.from, '--to', lab.to, '--evidence', lab.at(directory), '--json'],
      ...['--releases', lab.at('releases'), '--trust', lab.at('trust-1.json'), '--identity', identity],
      ...['--control-plane', server.url, '--pin', server.pin, ...more],
    ]);
  const create = (evidence: string, output: string) =>
    runNixfleet([
      ...['compliance', 'packet', 'create', '--from', lab.from, '--to', lab.to, '--evidence', lab.at(evidence)],
      ...['--releases', lab.at('releases'), '--trust', lab.at('trust-1.json'), '--output', lab.at(output)],
      ...['--host', 'web-1', '--host', 'db'],
    ]);
  const refusedOf = (stdout: string, host: string): readonly string[] =>
    JSON.parse(stdout)
      .hosts.find((one: { host: string }) => one.host === host)
      .refused.map(({ reason }: { reason: string }) => reason);

  test('what was fetched makes the packet that the hosts’ own files make; a second fetch asks for the newest day alone', async () => {
    let isBusy = true;
    change = (_, view) => {
      if (!isBusy) return { body: view };
      isBusy = false;
      return { status: 429, body: { error: 'rate-limited', message: 'wait' } };
    };
    const first = await fetchInto('fetched');
    assert.equal(first.code, 0, first.stderr);
    const counts = (stdout: string) =>
      JSON.parse(stdout).hosts.map((one: { [name: string]: unknown }) => [
        one.host,
        one.documents,
        one.kept,
        one.events,
      ]);
    const events = journal.length;
    assert.deepEqual(counts(first.stdout), [
      ['canary', 0, 0, null],
      ['db', 41, 0, null],
      ['web-1', 48, 0, events],
      ['web-2', 0, 0, null],
    ]);
    const days = ['2026-06-01.tar.zst', '2026-06-02.tar.zst', '2026-06-03.tar.zst'];
    assert.deepEqual(await filesOf(lab.at('fetched', 'web-1')), [...days, 'journal.jsonl']);
    for (const [evidence, output] of [
      ['evidence', 'one.zip'],
      ['fetched', 'two.zip'],
    ] as const) {
      assert.equal((await create(evidence, output)).code, 0);
    }
    assert.ok((await readFile(lab.at('one.zip'))).equals(await readFile(lab.at('two.zip'))));

    const asked = server.requests.length;
    const again = await fetchInto('fetched', '--host', 'web-1');
    assert.equal(again.code, 0, again.stderr);
    assert.deepEqual(counts(again.stdout), [['web-1', 8, 2, events]]);
    const evidence = server.requests.slice(asked).filter((path) => path.startsWith('/v1/evidence/'));
    assert.ok(
      evidence.every((path) => path.includes('from=2026-06-03')),
      evidence.join(),
    );
  });

  test('a fetch that breaks off leaves whole days, and goes on behind them', async () => {
    change = (_, view, from) =>
      from.startsWith('2026-06-02') && view.next === null
        ? { status: 503, body: { error: 'overloaded', message: 'later' } }
        : { body: view };
    const broken = await fetchInto('broken', '--host', 'web-1');
    assert.equal(broken.code, 1);
    assert.match(broken.stderr, /^nixfleet: [^\n]*overloaded[^\n]*\n$/m);
    assert.deepEqual((await readdir(lab.at('broken', 'web-1'))).sort(), ['2026-06-01.tar.zst', 'journal.jsonl']);
    change = honest;
    assert.equal((await fetchInto('broken', '--host', 'web-1')).code, 0);
    for (const day of ['2026-06-01.tar.zst', '2026-06-02.tar.zst', '2026-06-03.tar.zst']) {
      assert.ok(
        (await readFile(lab.at('broken', 'web-1', day))).equals(await readFile(lab.at('fetched', 'web-1', day))),
        day,
      );
    }
  });

  describe('of a control plane that lies, nothing is kept', () => {
    const dbOf = (index: number): EvidenceUpload => {
      const found = lab.evidence.get(HostName.parse('db'))?.collections[index] ?? assert.fail();
      return { evidence: new TextDecoder().decode(found.bytes), sig: found.sig, sshsig: found.sshsig };
    };
    const edit = (view: EvidenceView, how: (first: EvidenceUpload) => EvidenceUpload): EvidenceView => ({
      ...view,
      evidence: view.evidence.map((upload, i) => (i === 0 ? how(upload) : upload)),
    });
    const cases: readonly (readonly [string, string, (view: EvidenceView) => EvidenceView])[] = [
      [
        'a measurement changed',
        'bad-signature',
        (view) => edit(view, (first) => ({ ...first, evidence: first.evidence.replace('6.12.1', '6.12.2') })),
      ],
      ['another host’s', 'malformed', (view) => edit(view, () => dbOf(0))],
      ['a signature exchanged', 'bad-signature', (view) => edit(view, (first) => ({ ...first, sig: dbOf(0).sig }))],
      ['twice', 'replayed', (view) => ({ ...view, evidence: view.evidence.flatMap((one) => [one, one]) })],
      ['no JSON', 'malformed', (view) => edit(view, (first) => ({ ...first, evidence: '{"x' }))],
    ];
    for (const [i, [name, reason, how]] of cases.entries()) {
      test(name, async () => {
        change = (host, view) => ({ body: host === web && view.evidence.length > 0 ? how(view) : view });
        const { code, stdout } = await fetchInto(`lies-${i}`, '--host', 'web-1');
        assert.equal(code, 1);
        assert.ok(refusedOf(stdout, 'web-1').includes(reason), stdout);
        const made = await create(`lies-${i}`, `lies-${i}.zip`);
        // One that was sent twice is kept once; of any other the chain shows that it is not there.
        assert.match(made.stdout, reason === 'replayed' ? /everything holds/ : /broken \(chain-gap\) web-1/);
      });
    }

    test('of another time than was asked for', async () => {
      change = (host, view, from) => ({
        body: host === 'db' && from.startsWith('2026-06-02') ? { evidence: [dbOf(0)], next: null } : view,
      });
      const { code, stdout } = await fetchInto('other-time', '--host', 'db');
      assert.equal(code, 1);
      assert.deepEqual(refusedOf(stdout, 'db'), ['malformed']);
    });

    test('pages without end', async () => {
      const next = `${lab.from}/${'0'.repeat(32)}/0`;
      change = (_, view) => ({ body: { evidence: view.evidence.slice(0, 1), next } });
      const { code, stderr } = await fetchInto('endless', '--host', 'web-1');
      assert.equal(code, 1, stderr);
    });

    test('a journal that does not verify', async () => {
      const kept = journal;
      journal = journal.slice(1).map((event) => ({ ...event, signature: 'A'.repeat(86) }));
      const { code, stdout } = await fetchInto('bad-journal', '--host', 'web-1');
      journal = kept;
      assert.equal(code, 1);
      assert.deepEqual(refusedOf(stdout, 'web-1'), ['journal']);
      assert.ok(!(await filesOf(lab.at('bad-journal', 'web-1'))).includes('journal.jsonl'));
    });
  });

  test('status --live: a line a host, of what the control plane sends and each host signed', async () => {
    const status = (...more: string[]) =>
      runNixfleet([
        ...['compliance', 'status', '--live', '--at', addSeconds(lab.from, 47 * 3600 + 1800), '--identity', identity],
        ...['--releases', lab.at('releases'), '--trust', lab.at('trust-1.json')],
        ...['--control-plane', server.url, '--pin', server.pin, ...more],
      ]);
    const good = await status();
    assert.equal(good.code, 0, good.stderr);
    assert.match(good.stdout, /^HOST +DECISION +AGE +SIGNATURE +RELEASE +CONTROLS$/m);
    assert.match(good.stdout, /^web-1 +pass +30 min +verified +current$/m);
    assert.match(good.stdout, /^web-2 +– +– +missing +– +the control plane has none$/m);
    change = (host, view) => ({
      body: {
        ...view,
        evidence: view.evidence.map((one) =>
          host === web ? { ...one, evidence: one.evidence.replace('6.12.1', '6.12.2') } : one,
        ),
      },
    });
    const bad = await status('--json', '--host', 'web-1', '--host', 'db');
    assert.equal(bad.code, 0, bad.stderr);
    const { version, hosts } = JSON.parse(bad.stdout);
    assert.equal(version, 2);
    assert.deepEqual(
      hosts.map((one: { [name: string]: unknown }) => [
        one.host,
        one.signature,
        one.decision,
        one.ageSeconds,
        one.release,
      ]),
      [
        ['db', 'verified', 'pass', 1800, 'current'],
        ['web-1', 'bad-signature', null, null, null],
      ],
    );
  });

  test('status --format: the static report for CI', async () => {
    const status = (...more: string[]) =>
      runNixfleet([
        ...['compliance', 'status', '--at', addSeconds(lab.from, 30 * 3600), ...more],
        ...['--releases', lab.at('releases'), '--trust', lab.at('trust-1.json')],
      ]);
    const sarif = await status('--format', 'sarif');
    assert.equal(sarif.code, 0, sarif.stderr);
    assert.equal(JSON.parse(sarif.stdout).version, '2.1.0');
    assert.match(
      (await status('--format', 'junit', '--host', 'web-1')).stdout,
      /<testsuite name="web-1" tests="5" failures="0"/,
    );
    for (const wrong of [
      ['--format', 'pdf'],
      ['--format', 'sarif', '--json'],
      ['--format', 'junit', '--live'],
    ]) {
      assert.equal((await status(...wrong)).code, 2, wrong.join(' '));
    }
  });

  test('a host that no release has, or a period that is none: one line', async () => {
    for (const [args, code] of [
      [['--host', 'nobody'], 1],
      [['--to', lab.from], 2],
      [['--to', addSeconds(lab.from, 5000 * 86_400)], 2],
    ] as const) {
      const found = await fetchInto('none', ...args);
      assert.equal(found.code, code);
      assert.match(found.stderr, /^nixfleet: [^\n]+\n$/);
    }
  });
});
