// An evidence packet of a synthesised fleet with hourly collections: created from releases and a stream of signed evidence, and
// verified from the trust document. NIXFLEET_BENCH_HOSTS=100 NIXFLEET_BENCH_DAYS=90 is the size of the target.
import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createPacket, filesOf, openPacket, packetPorts } from '@nixfleet/cli';
import { addSeconds, type ComplianceCatalogue, HostName, pinTrust, reportPath, sha256Hex } from '@nixfleet/contracts';
import { staticGate, verifyPacket } from '@nixfleet/evidence';
import { openDirectoryTree } from '@nixfleet/release';
import {
  accepted,
  createTestFleet,
  present,
  TestEvidence,
  testCatalogue,
  testChannel,
  testHost,
  testRule,
} from '@nixfleet/testkit';
import { rounded } from './lab/median.ts';

const hosts = Number(process.env.NIXFLEET_BENCH_HOSTS ?? 4);
const days = Number(process.env.NIXFLEET_BENCH_DAYS ?? 3);
/** As many as the catalogue has, about. */
const controls = 28;
const rulesPerControl = 5;

const directory = await mkdtemp(join(tmpdir(), 'nixfleet-packet-bench-'));
try {
  const names = Array.from({ length: hosts }, (_, i) => `host-${i}`);
  const catalogueFor = (host: string): ComplianceCatalogue =>
    testCatalogue(
      host,
      Array.from({ length: controls }, (_, c) => ({
        controlId: `control-${String.fromCharCode(97 + (c % 26))}${c}`,
        title: `Control ${c}`,
        purpose: 'For the benchmark.',
        type: 'both',
        schema: 'bench/v1',
        articles: { nis2: ['21(2)(e)'], 'anssi-bp028': [`R${c + 1}`] },
        mode: 'enforce',
        rules: Array.from({ length: rulesPerControl }, (__, r) =>
          testRule(`BE-${String(c * rulesPerControl + r + 100)}`, { articles: { nis2: ['21(2)(e)'] } }),
        ),
      })),
    );
  const fleet = await createTestFleet({
    intent: {
      repository: 'bench',
      commit: '0'.repeat(40),
      hosts: Object.fromEntries(names.map((name) => [name, testHost('stable')])),
      channels: { stable: testChannel([names]) },
      edges: [],
      budgets: [],
      operators: {},
    },
  });
  const from = fleet.now;
  const to = addSeconds(from, days * 86_400);
  const probe = await createTestFleet({ now: from, intent: fleet.intent });
  await probe.publish();
  const evaluated = new Map();
  for (const name of names) {
    const evidence = new TestEvidence(fleet, name, catalogueFor(name));
    const bytes = evidence.catalogueBytes;
    const sha256 = await sha256Hex(fleet.ctx.crypto, bytes);
    fleet.files.set(reportPath(sha256), bytes);
    const observations = evidence.catalogue.controls.flatMap(({ rules }) =>
      rules.map(({ id }) => ({ id, passed: true, expected: {}, observed: {}, optionPath: 'x', fix: '' })),
    );
    evaluated.set(HostName.parse(name), { catalogue: evidence.catalogue, sha256, bytes: bytes.length, observations });
  }
  const { report } = staticGate({
    fleet: (await probe.verified()).fleet.document,
    hosts: evaluated,
    carriedOver: new Map(),
    waivers: [],
    waiverRegister: null,
    now: from,
  });
  await fleet.publish((next) => {
    next.staticReport = report;
  });
  for (const [path, bytes] of fleet.files) {
    const file = join(directory, 'releases', path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, bytes);
  }

  let synthesisMs = 0;
  let evidenceBytes = 0;
  async function* collections(host: string) {
    const evidence = new TestEvidence(fleet, host, catalogueFor(host));
    for (let hour = 0; hour < days * 24; hour++) {
      const before = performance.now();
      const found = await evidence.collect({ at: addSeconds(from, hour * 3600 + 60) });
      // The chain needs the last one only; the rest would be most of the memory.
      evidence.collections.splice(0, evidence.collections.length - 1);
      synthesisMs += performance.now() - before;
      evidenceBytes += found.bytes.length;
      const time = found.document.collectedAt.replaceAll(/[-:T]/g, '');
      yield { ...found, name: `${time}-${String(hour).padStart(8, '0')}.json` };
    }
  }
  const start = present(fleet.trustChain[0], 'trust').bytes;
  const output = join(directory, 'packet');
  const begun = performance.now();
  const created = await createPacket({
    ctx: fleet.ctx,
    place: { name: 'bench', ...openDirectoryTree(join(directory, 'releases')) },
    start,
    pinned: accepted(await pinTrust(fleet.ctx, start)),
    hosts: names.map((name) => HostName.parse(name)),
    from,
    to,
    output,
    evidenceOf: async (host) => ({ collections: collections(host), releases: new Set() }),
    journalOf: async () => null,
    commitOf: async () => null,
    drills: new Map(),
  });
  // It verifies what it made, for the report.
  const createMs = performance.now() - begun - synthesisMs;
  if (created.breaks.length > 0) throw new Error(`broken: ${JSON.stringify(created.breaks[0])}`);

  const opened = performance.now();
  const before = process.cpuUsage();
  const found = await verifyPacket(fleet.ctx, await openPacket(output), { start, ports: packetPorts(fleet.ctx) });
  const verifyMs = performance.now() - opened;
  const { user, system } = process.cpuUsage(before);
  if ('unreadable' in found || found.breaks.length > 0) throw new Error('the packet does not verify');
  const collected = found.hosts.reduce((sum, { timeline }) => sum + timeline.collections, 0);
  if (collected !== hosts * days * 24) throw new Error(`${collected} collections verified`);
  let packetBytes = 0;
  for (const path of await filesOf(output)) packetBytes += (await stat(join(output, path))).size;
  console.log(
    JSON.stringify({
      bench: 'packet',
      hosts,
      days,
      collections: collected,
      kilobytesPerCollection: rounded(evidenceBytes / collected / 1024),
      createSeconds: rounded(createMs / 1000),
      createSecondsMax: 600,
      verifySeconds: rounded(verifyMs / 1000),
      verifySecondsMax: 300,
      // On a busy machine this says more than the clock does.
      verifyCpuMsPerCollection: rounded((user + system) / 1000 / collected),
      packetMegabytes: rounded(packetBytes / 1024 ** 2),
      packetMegabytesMax: 2048,
    }),
  );
} finally {
  await rm(directory, { recursive: true, force: true });
}
