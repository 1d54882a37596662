import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import {
  addSeconds,
  DrillRecord,
  HostName,
  type Instant,
  type SignedEvent,
  type WaiverDocument,
} from '@nixfleet/contracts';
import {
  createTestFleet,
  type TestCollection,
  TestEvidence,
  type TestFleet,
  testStaticReport,
  testWaiver,
} from '@nixfleet/testkit';
import { runNixfleet } from '../testing/run-nixfleet.ts';

const exec = promisify(execFile);
export const web = HostName.parse('web-1');
const db = HostName.parse('db');
/** Writes its journal, and collects nothing. */
const silent = HostName.parse('web-2');

/** A commit object of one line, and the name that git would give it. */
export function commitOf(message: string) {
  const bytes = Buffer.from(`tree ${'0'.repeat(40)}\nauthor a <a> 0 +0000\ncommitter a <a> 0 +0000\n\n${message}\n`);
  const name = createHash('sha1').update(`commit ${bytes.length}\0`).update(bytes).digest('hex');
  return { name, bytes };
}

/**
 * Two releases over two days: web-1 fails AC-01 under a waiver, is mended by the second release and then changes its key, when
 * the waiver expires; a host that runs, one that has a gap, one that collects nothing.
 */
export class PacketLab {
  readonly root: string;
  readonly fleet: TestFleet;
  readonly evidence: ReadonlyMap<HostName, TestEvidence>;
  readonly from: Instant;
  #waiver: WaiverDocument | null = null;
  #packets = 0;

  private constructor(root: string, fleet: TestFleet) {
    this.root = root;
    this.fleet = fleet;
    this.evidence = new Map([web, db].map((host) => [host, new TestEvidence(fleet, host)]));
    this.from = fleet.now;
  }

  static async create(): Promise<PacketLab> {
    const root = await mkdtemp(join(tmpdir(), 'nixfleet-packet-'));
    const lab = new PacketLab(root, await createTestFleet());
    await lab.#live();
    return lab;
  }

  get to(): Instant {
    return addSeconds(this.from, 2 * 86_400);
  }

  /** Of AC-01 on web-1, for the first 36 hours. */
  get waiver(): WaiverDocument {
    return this.#waiver ?? assert.fail('nothing was released yet');
  }

  at(...names: string[]): string {
    return join(this.root, ...names);
  }

  async #live(): Promise<void> {
    const { fleet } = this;
    const times = { reviewAt: addSeconds(this.from, 86_400), expiresAt: addSeconds(this.from, 36 * 3600) };
    const { document, signed } = await testWaiver(fleet, times);
    this.#waiver = document;
    await this.release(commitOf('first').name, ['AC-01'], [document], (next) => {
      for (const channel of Object.values(next.channels)) {
        channel.policy.compliance = { mode: 'enforce', frameworks: ['nis2'] };
      }
      next.waiverRegister = {
        type: 'waiver-register',
        fleet: fleet.name,
        schemaVersion: 1,
        waivers: [
          {
            waiver: new TextDecoder().decode(signed.bytes),
            sshSignatures: Object.fromEntries(signed.sshSignatures ?? []),
          },
        ],
      };
    });
    await this.#journal('confirmed');
    for (let hour = 0; hour < 24; hour++) {
      await this.#collect(web, { failing: ['AC-01'], change: { waivers: [document] } });
      if (hour < 6 || hour > 12) await this.#collect(db);
      fleet.pass(3600);
    }
    const spare = (await fleet.keyOf('host:web-1-new')).openssh;
    await this.release(commitOf('second').name, [], [document], (next) => {
      Object.assign(next.hosts['web-1'] ?? {}, { closure: 2 });
      next.hosts['web-1']?.pubkeys.push(spare);
    });
    await this.#journal('confirmed');
    for (let hour = 0; hour < 24; hour++) {
      await this.#collect(web, hour < 12 ? {} : { signedBy: 'host:web-1-new' });
      await this.#collect(db);
      fleet.pass(3600);
    }
    await this.#silence();
    await this.#drill();
    await this.publish();
    await writeFile(this.at('trust-1.json'), fleet.trustChain[0]?.bytes ?? '');
    await this.#source();
  }

  /** Writes what was released to the releases repository. */
  async publish(): Promise<void> {
    for (const [path, bytes] of this.fleet.files) {
      await mkdir(dirname(this.at('releases', path)), { recursive: true });
      await writeFile(this.at('releases', path), bytes);
    }
  }

  async release(
    commit: string,
    failing: readonly string[],
    waivers: readonly WaiverDocument[],
    change: Parameters<TestFleet['publish']>[0],
  ): Promise<void> {
    const { fleet } = this;
    const report = await testStaticReport(fleet, { change, failing: { [web]: failing }, waivers });
    await fleet.publish((next) => {
      change?.(next);
      next.staticReport = report;
      next.commit = commit;
    });
  }

  async #collect(host: HostName, options: Parameters<TestEvidence['collect']>[0] = {}): Promise<void> {
    const found = await this.evidence.get(host)?.collect(options);
    if (found) await this.write(host, found);
  }

  async write(host: string, { document, bytes, sig, sshsig }: TestCollection): Promise<void> {
    const folder = this.at('evidence', host, document.collectedAt.slice(0, 10));
    await mkdir(folder, { recursive: true });
    const file = join(folder, `${document.sequence}.json`);
    await writeFile(file, bytes);
    await writeFile(`${file}.sig`, sig);
    await writeFile(`${file}.sshsig`, sshsig);
  }

  readonly #events: SignedEvent[] = [];

  async #journal(kind: 'confirmed'): Promise<void> {
    const journal = await this.fleet.journal('web-1');
    const target = await this.fleet.target('web-1');
    const at = this.fleet.now;
    if (this.#events.length === 0) {
      const first = { reason: 'first-contact', running: null, confirmed: null, agentVersion: '0.1.0' } as const;
      this.#events.push(await journal.append({ kind: 'journal-started', body: first }, { at }));
    }
    const running = { running: target.closure, agentVersion: '0.1.0' };
    this.#events.push(await journal.append({ kind: 'started', body: running }, { at }));
    const body = { target, soakUntil: at, by: 'control-plane' } as const;
    this.#events.push(await journal.append({ kind, body }, { at }));
    await mkdir(this.at('evidence', 'web-1'), { recursive: true });
    const lines = this.#events.map((event) => `${JSON.stringify(event)}\n`).join('');
    await writeFile(this.at('evidence', 'web-1', 'journal.jsonl'), lines);
  }

  async #silence(): Promise<void> {
    const journal = await this.fleet.journal(silent);
    const first = { reason: 'first-contact', running: null, confirmed: null, agentVersion: '0.1.0' } as const;
    const event = await journal.append({ kind: 'journal-started', body: first }, { at: this.from });
    await mkdir(this.at('evidence', silent), { recursive: true });
    await writeFile(this.at('evidence', silent, 'journal.jsonl'), `${JSON.stringify(event)}\n`);
  }

  async #drill(): Promise<void> {
    const startedAt = addSeconds(this.from, 3600);
    const record = DrillRecord.parse({
      type: 'drill',
      fleet: this.fleet.name,
      schemaVersion: 1,
      id: 'D-2026-0001',
      rule: 'SY-01',
      failAt: 'static',
      hosts: ['web-1'],
      rolloutId: null,
      commit: commitOf('refused').name,
      startedAt,
      deadline: addSeconds(startedAt, 900),
      endedAt: addSeconds(startedAt, 120),
      limitSeconds: 300,
      steps: [{ name: 'release-refused', isObserved: true, afterSeconds: 90, shownBy: [] }],
      passed: true,
    });
    const { bytes, sshSignatures } = await this.fleet.sign(record, [], ['alice']);
    await mkdir(this.at('drills'), { recursive: true });
    await writeFile(this.at('drills', 'D-2026-0001.json'), bytes);
    for (const [keyId, armored] of sshSignatures ?? []) {
      await writeFile(this.at('drills', `D-2026-0001.json.${keyId}.sshsig`), armored);
    }
  }

  async #source(): Promise<void> {
    await exec('git', ['init', '--quiet', '--bare', this.at('source.git')]);
    for (const message of ['first', 'second']) {
      await writeFile(this.at('object'), commitOf(message).bytes);
      const git = ['-C', this.at('source.git'), 'hash-object', '-t', 'commit', '-w', '--literally', this.at('object')];
      assert.equal((await exec('git', git)).stdout.trim(), commitOf(message).name);
    }
  }

  /** Creates a packet with the real command; its folder. */
  async create(options: { readonly source?: boolean; readonly from?: Instant; readonly to?: Instant } = {}) {
    const output = this.at(`packet-${this.#packets++}`);
    const { from = this.from, to = this.to } = options;
    const args = ['--from', from, '--to', to, '--evidence', this.at('evidence'), '--output', output];
    const more = ['--releases', this.at('releases'), '--trust', this.at('trust-1.json'), '--drills', this.at('drills')];
    const source = options.source === false ? [] : ['--source', this.at('source.git')];
    return { output, ...(await runNixfleet(['compliance', 'packet', 'create', ...args, ...more, ...source])) };
  }

  async verify(packet: string, ...more: string[]) {
    const run = await runNixfleet([
      ...['compliance', 'packet', 'verify', packet, '--trust', this.at('trust-1.json'), '--json'],
      ...more,
    ]);
    const found = run.stdout === '' ? null : (JSON.parse(run.stdout) as { breaks: { code: string; where: string }[] });
    return { ...run, codes: [...new Set(found?.breaks.map(({ code }) => code) ?? [])].sort(), found };
  }

  /** A copy of a packet, changed by hand; its manifest and sums are made again unless `isNaive`. */
  async changed(packet: string, change: (folder: string) => Promise<void>): Promise<string> {
    const folder = this.at(`changed-${this.#packets++}`);
    await cp(packet, folder, { recursive: true });
    await change(folder);
    return folder;
  }
}
