import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { writeEvidenceArchive } from '@nixfleet/cli';
import {
  addSeconds,
  type ComplianceCatalogue,
  canonicalBytes,
  type EvidenceDocument,
  evidenceChainStart,
  HostName,
  type Instant,
  type Json,
  reportPath,
  type Sha256Hex,
  type StaticReport,
  sha256Hex,
  utf8,
} from '@nixfleet/contracts';
import {
  type EvaluatedCompliance,
  type ProbeRunResult,
  releasedClosures,
  signEvidence,
  staticGate,
} from '@nixfleet/evidence';
import {
  createTestFleet,
  SeededRandom,
  TestEvidence,
  type TestFleet,
  testCatalogue,
  testChannel,
  testHost,
  testRule,
} from '@nixfleet/testkit';

/** As many controls and rules as the catalogue has (docs/compliance/controls.md). */
const controls = 28;
const rules = 121;
const firstRule = 100;
/** What a probe reads beside what it counts. */
const values = { enabled: true, level: 2, names: ['one', 'two', 'three'], path: '/etc/ssh/sshd_config' };
/** Of a hundred probes, those whose output is another one an hour later: ages, offsets, free space, counters. */
const varyingPercent = 15;
/** A rule fails for some hours now and then, so that timelines have something to show. */
const failingEvery = 500;
const failingHours = 4;

const daySeconds = 86_400;
const releaseDays = 7;

export interface BenchEvidence {
  readonly fleet: TestFleet;
  readonly hosts: readonly HostName[];
  readonly from: Instant;
  readonly to: Instant;
  readonly documentBytes: number;
}

/** Of `of` threads the `nth`: it writes every `of`th host. */
export interface Share {
  readonly nth: number;
  readonly of: number;
}

export interface SynthesisTask {
  readonly directory: string;
  readonly hosts: number;
  readonly days: number;
  readonly share: Share;
}

/**
 * Hosts that collect hourly for some days, under a release a week: `<directory>/<host>/<day>.tar.zst`, every document
 * canonical, chained and signed in both forms. The releases are in `fleet.files`. Nothing but an archive is kept of a day.
 * Every thread makes the fleet for itself, since two fleets made alike are the same bytes, and writes the hosts of its share.
 */
export async function synthesiseEvidence(
  directory: string,
  { hosts: count, days, workers }: { readonly hosts: number; readonly days: number; readonly workers: number },
): Promise<BenchEvidence> {
  const shares = Array.from({ length: workers }, (_, nth) => ({ nth, of: workers }));
  const written = await Promise.all(shares.map((share) => inThread({ directory, hosts: count, days, share })));
  const { fleet, from, writers } = await play({ directory, hosts: count, days, share: null });
  return {
    fleet,
    hosts: writers.map(({ host }) => host),
    from,
    to: addSeconds(from, days * daySeconds),
    documentBytes: written.reduce((sum, bytes) => sum + bytes, 0),
  };
}

function inThread(workerData: SynthesisTask): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const worker = new Worker(join(import.meta.dirname, 'evidence-archives-worker.ts'), { workerData });
  worker.once('message', resolve).once('error', reject);
  worker.once('exit', () => reject(new Error('a thread that synthesises evidence ended early')));
  return promise;
}

/** Writes the archives of the hosts of one share; returns the bytes of their documents. */
export async function synthesiseShare(task: SynthesisTask): Promise<number> {
  const { writers } = await play(task);
  return writers.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** All releases of the fleet, and the archives of a share; null: of nobody. */
async function play({
  directory,
  hosts,
  days,
  share,
}: Omit<SynthesisTask, 'share'> & { readonly share: Share | null }) {
  const fleet = await benchFleet(hosts);
  const from = fleet.now;
  const writers = Object.keys(fleet.intent.hosts).map((host, i) => new HostWriter(fleet, HostName.parse(host), i + 1));
  const own = writers.filter((_, i) => share !== null && i % share.of === share.nth);
  for (let day = 0; day < days; day++) {
    if (day % releaseDays === 0) {
      await release(fleet, writers);
      for (const writer of own) await writer.prepare();
    }
    for (const writer of own) await writer.writeDay(directory, addSeconds(from, day * daySeconds), day);
    fleet.pass(daySeconds);
  }
  return { fleet, from, writers };
}

function benchFleet(count: number): Promise<TestFleet> {
  const hosts = Array.from({ length: count }, (_, i) => HostName.parse(`host-${i}`));
  const channel = testChannel([[...hosts]]);
  channel.policy.compliance = { mode: 'enforce', frameworks: ['nis2', 'anssi-bp028'] };
  return createTestFleet({
    intent: {
      repository: 'bench',
      commit: '0'.repeat(40),
      hosts: Object.fromEntries(hosts.map((name) => [name, testHost('stable')])),
      channels: { stable: channel },
      edges: [],
      budgets: [],
      operators: {},
    },
  });
}

/** Twice, because the report is about the fleet document of the release that binds it. */
async function release(fleet: TestFleet, writers: readonly HostWriter[]): Promise<void> {
  const probe = await createTestFleet({ now: fleet.now, intent: fleet.intent });
  await probe.publish();
  const evaluated = new Map<HostName, EvaluatedCompliance>();
  for (const { host, evidence } of writers) {
    const bytes = evidence.catalogueBytes;
    const sha256 = await sha256Hex(fleet.ctx.crypto, bytes);
    fleet.files.set(reportPath(sha256), bytes);
    const observations = evidence.catalogue.controls.flatMap((control) =>
      control.rules.map(({ id }) => ({ id, passed: true, expected: {}, observed: {}, optionPath: 'x', fix: '' })),
    );
    evaluated.set(host, { catalogue: evidence.catalogue, sha256, bytes: bytes.length, observations });
  }
  const { report }: { readonly report: StaticReport } = staticGate({
    fleet: (await probe.verified()).fleet.document,
    hosts: evaluated,
    closures: releasedClosures([...probe.current.manifests.values()].map((manifest) => manifest.document)),
    carriedOver: new Set(),
    waivers: [],
    waiverRegister: null,
    now: fleet.now,
  });
  await fleet.publish((next) => {
    next.staticReport = report;
  });
}

class HostWriter {
  readonly host: HostName;
  readonly evidence: TestEvidence;
  bytes = 0;
  readonly #fleet: TestFleet;
  readonly #random: SeededRandom;
  #good: EvidenceDocument | null = null;
  #bad: EvidenceDocument | null = null;
  #sequence = 0;
  #previous: Sha256Hex = evidenceChainStart;

  constructor(fleet: TestFleet, host: HostName, seed: number) {
    this.host = host;
    this.#fleet = fleet;
    this.#random = new SeededRandom(seed);
    this.evidence = new TestEvidence(fleet, host, catalogueOf(host));
  }

  /** Two documents that a collector would write under the newest release; those of a week differ from them in what changes. */
  async prepare(): Promise<void> {
    this.#good = await this.#collect(null);
    this.#bad = await this.#collect(`BE-${firstRule}`);
  }

  async #collect(failing: string | null): Promise<EvidenceDocument> {
    const runs = new Map<string, ProbeRunResult>();
    for (const { id } of this.evidence.catalogue.controls.flatMap((control) => control.rules)) {
      const output = { violationCount: id === failing ? 1 : 0, measured: 0, values };
      runs.set(id, { exitCode: 0, durationMs: 5, stdout: utf8(JSON.stringify(output)) });
    }
    const { document } = await this.evidence.collect({ change: { runs } });
    this.evidence.collections.length = 0;
    return document;
  }

  async writeDay(directory: string, day: Instant, number: number): Promise<void> {
    await mkdir(join(directory, this.host), { recursive: true });
    const path = join(directory, this.host, `${day.slice(0, 10)}.tar.zst`);
    await writeEvidenceArchive(path, this.#day(day, number));
  }

  async *#day(day: Instant, number: number) {
    const { crypto } = this.#fleet.ctx;
    const signer = await this.#fleet.hostKey(this.host);
    for (let hour = 0; hour < 24; hour++) {
      const isFailing = (number * 24 + hour) % failingEvery < failingHours;
      const document = isFailing ? this.#bad : this.#good;
      if (document === null) throw new Error('prepare first');
      const collectedAt = addSeconds(day, hour * 3600 + 60);
      this.#vary(document);
      const bytes = canonicalBytes({
        ...document,
        collectedAt,
        sequence: ++this.#sequence,
        previousSha256: this.#previous,
      } as unknown as Json);
      this.#previous = await sha256Hex(crypto, bytes);
      this.bytes += bytes.length;
      const signatures = await signEvidence(crypto, { signer, bytes, fleet: this.#fleet.name });
      yield { name: `${collectedAt.replaceAll(/[-:T]/g, '')}-${this.#sequence}.json`, bytes, ...signatures };
    }
  }

  /** Every probe takes another time; of some the output differs, and of these what is kept of it. */
  #vary({ controls: all }: EvidenceDocument): void {
    for (const { rules: each } of all) {
      for (const rule of each) {
        if (rule.probe === undefined) continue;
        const [duration = 0, dice = 0, ...rest] = this.#random.bytes(38);
        rule.probe.durationMs = 5 + (duration >> 2);
        if (dice % 100 >= varyingPercent) continue;
        rule.probe.outputSha256 = Buffer.from(rest.slice(0, 32)).toString('hex') as Sha256Hex;
        const observed = rule.observed as { measured?: number } | undefined;
        if (observed && 'measured' in observed) observed.measured = Buffer.from(rest).readUInt32LE(32) >>> 8;
      }
    }
  }
}

function catalogueOf(host: string): ComplianceCatalogue {
  const expect = { violationCount: 0, measured: { $ge: 0 }, values };
  const ids = Array.from({ length: rules }, (_, i) => `BE-${firstRule + i}`);
  return testCatalogue(
    host,
    Array.from({ length: controls }, (_, c) => ({
      controlId: `control-${String.fromCharCode(97 + (c % 26))}${c}`,
      title: `Control ${c}`,
      purpose: 'For the benchmark.',
      type: 'both',
      schema: 'bench/v1',
      articles: { nis2: ['21(2)(e)'], 'anssi-bp028': [`R${c + 1}`] },
      mode: 'enforce',
      rules: ids
        .filter((_, i) => i % controls === c)
        .map((id) => {
          const rule = testRule(id, { articles: { nis2: ['21(2)(e)'], 'anssi-bp028': [`R${c + 1}`] } });
          return { ...rule, probe: rule.probe && { ...rule.probe, expect } };
        }),
    })),
  );
}
