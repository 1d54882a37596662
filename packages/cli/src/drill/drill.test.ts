import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, describe, test } from 'node:test';
import {
  addSeconds,
  DrillPlan,
  DrillRecord,
  formatOpensshPrivateKey,
  type Instant,
  instantToMs,
  msToInstant,
} from '@nixfleet/contracts';
import { createTestFleet, journalDrill, type TestDrillOptions, type TestFleet } from '@nixfleet/testkit';
import { runNixfleet } from '../testing/run-nixfleet.ts';

const roots: string[] = [];
after(async () => {
  for (const root of roots) await rm(root, { recursive: true, force: true });
});

/** A fleet that released ten minutes ago, a work tree, and the journals of its hosts. */
class DrillLab {
  readonly root: string;
  readonly fleet: TestFleet;
  readonly at: Instant;

  private constructor(root: string, fleet: TestFleet) {
    this.root = root;
    this.fleet = fleet;
    this.at = fleet.now;
  }

  static async create(): Promise<DrillLab> {
    const root = await mkdtemp(join(tmpdir(), 'nixfleet-drill-'));
    roots.push(root);
    const fleet = await createTestFleet({ now: msToInstant(Math.floor(Date.now() / 1000) * 1000 - 600_000) });
    await fleet.publish();
    const lab = new DrillLab(root, fleet);
    for (const [path, bytes] of fleet.files) await lab.write(['releases', path], bytes);
    await lab.write(['trust-1.json'], fleet.trustChain[0]?.bytes ?? '');
    for (const name of ['alice', 'bob', 'ci']) {
      const key = await fleet.keyOf(name);
      assert.ok(key.privateKey.algorithm === 'ed25519');
      const { seed } = key.privateKey;
      const text = formatOpensshPrivateKey({ seed, publicRaw: key.publicKey.raw, comment: '', check: 7 });
      await writeFile(lab.path(`${name}.key`), text, { mode: 0o600 });
    }
    await mkdir(lab.path('work'));
    return lab;
  }

  path(...names: string[]): string {
    return join(this.root, ...names);
  }

  async write(names: readonly string[], content: Uint8Array | string): Promise<void> {
    await mkdir(dirname(this.path(...names)), { recursive: true });
    await writeFile(this.path(...names), content);
  }

  run(...args: string[]) {
    return runNixfleet(['compliance', ...args], { cwd: this.path('work') });
  }

  offline(): string[] {
    return ['--releases', this.path('releases'), '--trust', this.path('trust-1.json')];
  }

  async plan(change: Partial<DrillPlan> = {}): Promise<void> {
    const deadline = addSeconds(this.at, 3600);
    const plan = DrillPlan.parse({
      ...{ schemaVersion: 1, id: 'D-2026-0001', failAt: 'runtime', hosts: ['canary'], startedAt: this.at, deadline },
      ...{ until: Math.floor(instantToMs(deadline) / 1000), limitSeconds: 300 },
      ...change,
    });
    await this.write(['work', 'compliance', 'drill.json'], JSON.stringify(plan));
  }

  async journals(options: Partial<TestDrillOptions> = {}): Promise<void> {
    await journalDrill(this.fleet, 'canary', { at: addSeconds(this.at, 5), ...options });
    for (const host of ['canary', 'web-1', 'web-2']) {
      const journal = await this.fleet.journal(host);
      const first = { reason: 'first-contact', running: null, confirmed: null, agentVersion: '0.1.0' } as const;
      if (journal.events.length === 0) await journal.append({ kind: 'journal-started', body: first }, { at: this.at });
      const lines = journal.events.map((event) => `${JSON.stringify(event)}\n`).join('');
      await this.write(['evidence', host, 'journal.jsonl'], lines);
    }
  }

  /** Bob is the one approver from then on. */
  async aliceLeaves(signedAt: Instant): Promise<void> {
    await this.fleet.nextTrust((draft) => {
      draft.signedAt = signedAt;
      Object.assign(draft.roles.approver, { signers: ['bob'], emergencyThreshold: 1 });
    });
    for (const [path, bytes] of this.fleet.files) await this.write(['releases', path], bytes);
  }

  record(...more: string[]) {
    const key = more.includes('--approver-key') ? [] : ['--approver-key', this.path('alice.key')];
    return this.run('drill', 'record', ...this.offline(), '--journals', this.path('evidence'), ...key, ...more);
  }

  async packet(): Promise<{ readonly output: string; readonly code: number | null; readonly stdout: string }> {
    const output = this.path(`packet-${(await readdir(this.root)).length}`);
    const period = ['--from', addSeconds(this.at, -3600), '--to', addSeconds(this.at, 7200)];
    const from = ['--evidence', this.path('evidence'), '--drills', this.path('work/compliance/drills')];
    return {
      output,
      ...(await this.run('packet', 'create', ...period, ...from, '--output', output, ...this.offline())),
    };
  }
}

describe('nixfleet compliance drill', () => {
  test('start writes what mkFleet reads and says what is expected, and one drill at a time', async () => {
    const lab = await DrillLab.create();
    const { code, stdout, stderr } = await lab.run('drill', 'start', '--fail-at', 'stale', '--host', 'canary');
    assert.equal(code, 0, stderr);
    const plan = DrillPlan.parse(JSON.parse(await readFile(lab.path('work/compliance/drill.json'), 'utf8')));
    assert.deepEqual([plan.failAt, plan.hosts, plan.limitSeconds], ['stale', ['canary'], 900]);
    assert.equal(plan.until * 1000, instantToMs(plan.deadline));
    assert.match(stdout, /expected: failure-reported, not-confirmed, reverted, wave-held, quarantined, within-limit/);
    assert.match(stdout, new RegExp(`until = ${plan.until};`));
    const second = await lab.run('drill', 'start', '--fail-at', 'stale', '--host', 'canary');
    assert.equal(second.code, 1);
    assert.match(second.stderr, /^nixfleet: drill D-\d{4}-0001 is under way: [^\n]+\n$/);
  });

  test('what is no drill is refused in one line', async () => {
    const lab = await DrillLab.create();
    const cases: readonly [string[], RegExp][] = [
      [['--fail-at', 'static'], /--host is missing/],
      [['--host', 'web-1'], /--fail-at is missing: one of static, runtime/],
      [['--host', 'web-1', '--fail-at', 'sometimes'], /--fail-at 'sometimes'/],
      [['--host', 'web-1', '--fail-at', 'stale', '--limit', '2h'], /the limit is at most as long/],
      [['--host', 'web-1', '--fail-at', 'stale', '--for', '2d'], /the drill a day/],
      [['--host', 'Web 1', '--fail-at', 'stale'], /hosts\.0/],
    ];
    for (const [args, expected] of cases) {
      const { code, stderr } = await lab.run('drill', 'start', ...args);
      assert.equal(code, 2, args.join(' '));
      assert.match(stderr, expected);
      assert.equal(stderr.split('\n').length, 2, stderr);
    }
    assert.match((await lab.record()).stderr, /no drill is under way/);
  });

  test('record looks at the journals, signs, and a packet shows it and checks it again', async () => {
    const lab = await DrillLab.create();
    await lab.plan();
    await lab.journals();
    const { code, stdout, stderr } = await lab.record('--json');
    assert.equal(code, 0, stderr);
    const record = DrillRecord.parse(JSON.parse(stdout));
    assert.deepEqual([record.passed, record.held, record.steps.length], [true, ['web-1', 'web-2'], 6]);
    assert.equal(record.startedAt, addSeconds(lab.at, 5));
    assert.deepEqual(await readdir(lab.path('work/compliance')), ['drills'], 'the drill is over');

    const list = await lab.run('drill', 'list', '--steps', ...lab.offline());
    assert.match(list.stdout, /^D-2026-0001 {2}passed {2}runtime on canary, /);
    assert.match(list.stdout, /wave-held: the later waves waited: after 30 s/);
    assert.doesNotMatch(list.stdout, /unproven/);

    const packet = await lab.packet();
    assert.equal(packet.code, 0, packet.stdout);
    assert.match(packet.stdout, /^drill D-2026-0001 {2}passed {2}runtime on canary, [^;]+$/m);
    const page = await readFile(join(packet.output, 'index.html'), 'utf8');
    assert.match(page, /the journals in this packet/);
    assert.match(page, /failed on purpose \(runtime\); the drill passed/);
    assert.doesNotMatch(page, /gate reported unproven/);
    const verified = await lab.run('packet', 'verify', packet.output, '--trust', lab.path('trust-1.json'), '--json');
    assert.equal(verified.code, 4, 'the collection that failed is not here, and the journal names it');
    assert.deepEqual(JSON.parse(verified.stdout).drills, [
      { id: 'D-2026-0001', failAt: 'runtime', passed: true, unchecked: [], isStillApproved: true },
    ]);
  });

  test('a gate that does not do its part makes a record that fails', async () => {
    const lab = await DrillLab.create();
    await lab.plan();
    await lab.journals({ without: ['reverting', 'reverted'] });
    const { code, stderr } = await lab.record();
    assert.equal(code, 1, stderr);
    assert.match(stderr, /reverted: the host went back to the closure of before: not observed/);
    const page = await readFile(join((await lab.packet()).output, 'index.html'), 'utf8');
    assert.match(page, /No drill on a host passed in the period: gate reported unproven/);
  });

  test('a record that an approver made up is a break, as is one that no approver signed', async () => {
    const lab = await DrillLab.create();
    await lab.plan();
    await lab.journals();
    assert.equal((await lab.record()).code, 0);
    const file = lab.path('work/compliance/drills/D-2026-0001.json');
    const record = DrillRecord.parse(JSON.parse(await readFile(file, 'utf8')));
    const lies: readonly [string, object][] = [
      [
        'journals say otherwise',
        { startedAt: addSeconds(record.startedAt, 1), endedAt: addSeconds(record.endedAt, 1) },
      ],
      ['the hosts of later waves are web-1, web-2', { held: ['web-1'] }],
      ['no release of this packet names rollout', { rolloutId: 'a'.repeat(64) }],
      [
        'journals say otherwise',
        {
          steps: record.steps.map((step) => ({
            ...step,
            afterSeconds: step.name === 'reverted' ? 1 : step.afterSeconds,
          })),
        },
      ],
    ];
    for (const [expected, change] of lies) {
      const { bytes, sshSignatures } = await lab.fleet.sign(DrillRecord.parse({ ...record, ...change }), [], ['alice']);
      await writeFile(file, bytes);
      for (const [keyId, armored] of sshSignatures ?? []) await writeFile(`${file}.${keyId}.sshsig`, armored);
      const { code, stdout } = await lab.packet();
      assert.equal(code, 1, stdout);
      assert.match(stdout, new RegExp(`broken \\(drill\\) drills/D-2026-0001.json: [^\\n]*${expected}`));
      assert.match(stdout, /no drill in the period: gate reported unproven/);
    }
    for (const name of await readdir(dirname(file))) if (name.endsWith('.sshsig')) await rm(join(dirname(file), name));
    const { bytes, sshSignatures } = await lab.fleet.sign(record, [], ['ci']);
    await writeFile(file, bytes);
    for (const [keyId, armored] of sshSignatures ?? []) await writeFile(`${file}.${keyId}.sshsig`, armored);
    assert.match((await lab.packet()).stdout, /broken \(drill\) [^\n]*no approver signed it/);
    const list = await lab.run('drill', 'list', ...lab.offline());
    assert.match(list.stdout, /does not count: no approver signed it/);
  });

  test('what an approver recorded before they left holds, and is told', async () => {
    const lab = await DrillLab.create();
    await lab.plan();
    await lab.journals();
    assert.equal((await lab.record()).code, 0);
    const file = lab.path('work/compliance/drills/D-2026-0001.json');
    const { observedUntil = lab.at } = DrillRecord.parse(JSON.parse(await readFile(file, 'utf8')));
    await lab.aliceLeaves(addSeconds(observedUntil, 1));
    const packet = await lab.packet();
    assert.equal(packet.code, 0, packet.stdout);
    assert.match(packet.stdout, /^drill D-2026-0001 {2}passed .*; signed by somebody who is no longer an approver$/m);
    assert.match(await readFile(join(packet.output, 'index.html'), 'utf8'), /no longer an approver/);
    assert.match((await lab.run('drill', 'list', ...lab.offline())).stdout, /D-2026-0001.*no longer an approver/);
  });

  test('a drill of later is not dated back to when somebody was an approver, with or without journals', async () => {
    const lab = await DrillLab.create();
    await lab.aliceLeaves(addSeconds(lab.at, 100));
    lab.fleet.pass(120);
    await lab.fleet.publish((next) => void Object.assign(next.hosts.canary ?? {}, { closure: 2 }));
    for (const [path, bytes] of lab.fleet.files) await lab.write(['releases', path], bytes);
    await lab.plan();
    await lab.journals({ at: addSeconds(lab.at, 125) });
    const recorded = await lab.record('--approver-key', lab.path('bob.key'));
    assert.equal(recorded.code, 0, recorded.stderr);
    assert.equal((await lab.packet()).code, 0);
    const file = lab.path('work/compliance/drills/D-2026-0001.json');
    const record = DrillRecord.parse(JSON.parse(await readFile(file, 'utf8')));
    const back = {
      ...{ startedAt: addSeconds(record.startedAt, -100), endedAt: addSeconds(record.endedAt, -100) },
      observedUntil: addSeconds(record.endedAt, -90),
    };
    const sign = async (change: object) => {
      await rm(dirname(file), { recursive: true });
      await mkdir(dirname(file));
      const { bytes, sshSignatures } = await lab.fleet.sign(DrillRecord.parse({ ...record, ...change }), [], ['alice']);
      await writeFile(file, bytes);
      for (const [keyId, armored] of sshSignatures ?? []) await writeFile(`${file}.${keyId}.sshsig`, armored);
      return (await lab.packet()).stdout;
    };
    assert.match(await sign({}), /broken \(drill\) [^\n]*no approver signed it/);
    assert.match(await sign(back), /broken \(drill\) [^\n]*began with release 2, [^\n]* after it/);
    await rm(lab.path('evidence/canary/journal.jsonl'));
    assert.match(await sign(back), /broken \(drill\) [^\n]*began with release 2, [^\n]* after it/);
  });

  test('a key that is no approver’s, or that does not sign, leaves the drill under way', async () => {
    const lab = await DrillLab.create();
    await lab.plan();
    const stranger = await lab.record('--approver-key', lab.path('ci.key'));
    assert.equal(stranger.code, 1);
    assert.match(stranger.stderr, /^nixfleet: not-a-signer: key [0-9a-f]{12} is none of the approver role's keys/);
    await lab.journals();
    const line = (await lab.fleet.keyOf('alice')).openssh;
    await lab.write(['alice.pub'], `${line}\n`);
    const mute = await lab.record('--approver-key', `hook:${lab.path('alice.pub')}:exit 3`);
    assert.equal(mute.code, 1);
    assert.match(mute.stderr, /sign-failed/);
    assert.deepEqual(await readdir(lab.path('work/compliance')), ['drill.json'], 'nothing was recorded');
    assert.equal((await lab.record()).code, 0);
  });

  test('a journal that does not verify, and a drill that nothing carried', async () => {
    const lab = await DrillLab.create();
    await lab.plan({ startedAt: addSeconds(lab.at, 60) });
    await lab.journals();
    const unheard = await lab.record('--at-once');
    assert.equal(unheard.code, 1);
    assert.match(unheard.stderr, /canary: no switch since/);
    const file = lab.path('evidence/canary/journal.jsonl');
    await writeFile(file, (await readFile(file, 'utf8')).replaceAll('boot-1', 'boot-2'));
    assert.match((await lab.record()).stderr, /^nixfleet: journal of canary: /);
    assert.deepEqual(await readdir(lab.path('work/compliance')), ['drill.json'], 'nothing was recorded');
  });

  test('a drill that CI refuses is recorded from what it printed', async () => {
    const lab = await DrillLab.create();
    await lab.plan({ failAt: 'static', hosts: ['web-1' as never] });
    await lab.write(['ci.txt'], 'static-gate web-1 failed: synthetic-always-fail SY-01: a.b\n');
    await lab.write(['other.txt'], 'static-gate web-2 failed: synthetic-always-fail SY-01: a.b\n');
    const commit = 'c'.repeat(40);
    const { code, stdout, stderr } = await lab.record('--ci-log', lab.path('ci.txt'), '--commit', commit, '--json');
    assert.equal(code, 0, stderr);
    assert.equal(DrillRecord.parse(JSON.parse(stdout)).commit, commit);
    const earlier = lab.fleet.current.document.source.commit;
    await lab.fleet.publish((next) => {
      next.commit = 'd'.repeat(40);
    });
    for (const [path, bytes] of lab.fleet.files) await lab.write(['releases', path], bytes);
    for (const [log, of] of [
      ['other.txt', commit],
      ['ci.txt', earlier],
      ['ci.txt', 'd'.repeat(40)],
    ] as const) {
      await rm(lab.path('work/compliance'), { recursive: true });
      await lab.plan({ failAt: 'static', hosts: ['web-1' as never] });
      const run = await lab.record('--ci-log', lab.path(log), '--commit', of);
      assert.equal(run.code, 1, `${log} ${of}`);
      assert.match(run.stderr, /release-refused: the release was refused: not observed/);
      if (log === 'ci.txt') assert.match(run.stderr, of === earlier ? /it is release 1\b/ : /it is release 2\b/);
    }
  });
});
