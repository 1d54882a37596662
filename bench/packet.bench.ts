// An evidence packet of a synthesised fleet with hourly collections, made from archives of a day each as `compliance fetch` leaves
// them, and verified from the trust document. NIXFLEET_BENCH_HOSTS=100 NIXFLEET_BENCH_DAYS=90 is the size of the target.
import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createPacket, filesOf, HostPool, openPacket, packetPorts, verifyHostsWith } from '@nixfleet/cli';
import { pinTrust } from '@nixfleet/contracts';
import { verifyPacket } from '@nixfleet/evidence';
import { openDirectoryTree } from '@nixfleet/release';
import { accepted, present } from '@nixfleet/testkit';
import { synthesiseEvidence } from './lab/evidence-archives.ts';
import { rounded } from './lab/median.ts';

const hosts = Number(process.env.NIXFLEET_BENCH_HOSTS ?? 6);
const days = Number(process.env.NIXFLEET_BENCH_DAYS ?? 7);
const workers = Number(process.env.NIXFLEET_BENCH_JOBS ?? availableParallelism());
const { signal } = new AbortController();

/** Wall clock and CPU of the whole process, its threads included, in seconds. */
async function timed<Result>(work: () => Promise<Result>) {
  const [begun, before] = [performance.now(), process.cpuUsage()];
  const result = await work();
  const { user, system } = process.cpuUsage(before);
  return { result, seconds: (performance.now() - begun) / 1000, cpuSeconds: (user + system) / 1e6 };
}

async function bytesIn(directory: string): Promise<number> {
  let bytes = 0;
  for (const path of await filesOf(directory)) bytes += (await stat(join(directory, path))).size;
  return bytes;
}

const directory = await mkdtemp(join(tmpdir(), 'nixfleet-packet-bench-'));
try {
  const evidence = join(directory, 'evidence');
  const { result: synthesised, seconds } = await timed(() => synthesiseEvidence(evidence, { hosts, days, workers }));
  process.stderr.write(`packet: ${hosts} hosts over ${days} days synthesised in ${Math.round(seconds)} s\n`);
  const { fleet, from, to, documentBytes } = synthesised;
  for (const [path, bytes] of fleet.files) {
    const file = join(directory, 'releases', path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, bytes);
  }
  const start = present(fleet.trustChain[0], 'trust').bytes;
  const packet = join(directory, 'packet.zip');
  const pinned = accepted(await pinTrust(fleet.ctx, start));
  await using pool = new HostPool({ workers, signal });
  const created = await timed(() =>
    createPacket({
      ctx: fleet.ctx,
      place: { name: 'bench', ...openDirectoryTree(join(directory, 'releases')) },
      start,
      pinned,
      hosts: synthesised.hosts,
      from,
      to,
      evidence,
      onSkipped: (path, why) => {
        throw new Error(`${path} ${why}`);
      },
      journalOf: async () => null,
      commitOf: async () => null,
      drills: new Map(),
      output: packet,
      pool,
      signal,
    }),
  );
  if (created.result.breaks.length > 0) throw new Error(`broken: ${JSON.stringify(created.result.breaks[0])}`);

  const verified = await timed(async () =>
    verifyPacket(fleet.ctx, await openPacket(packet), {
      start,
      ports: packetPorts(fleet.ctx),
      verifyHosts: verifyHostsWith(pool, { packet, fleet: fleet.name }),
    }),
  );
  const found = verified.result;
  if ('unreadable' in found || found.breaks.length > 0) throw new Error('the packet does not verify');
  const collections = found.hosts.reduce((sum, { timeline }) => sum + timeline.collections, 0);
  if (collections !== hosts * days * 24) throw new Error(`${collections} collections verified`);
  console.log(
    JSON.stringify({
      bench: 'packet',
      hosts,
      days,
      collections,
      workers,
      kilobytesPerCollection: rounded(documentBytes / collections / 1024),
      createSeconds: rounded(created.seconds),
      createSecondsMax: 600,
      verifySeconds: rounded(verified.seconds),
      verifySecondsMax: 300,
      // On a busy machine these say more than the clock does. Creating verifies as well, for the report.
      createCpuMsPerCollection: rounded((created.cpuSeconds * 1000) / collections),
      verifyCpuMsPerCollection: rounded((verified.cpuSeconds * 1000) / collections),
      residentMegabytesMax: Math.round(process.resourceUsage().maxRSS / 1024),
      evidenceMegabytes: rounded((await bytesIn(evidence)) / 1024 ** 2),
      packetMegabytes: rounded((await stat(packet)).size / 1024 ** 2),
      packetMegabytesMax: 2048,
    }),
  );
} finally {
  await rm(directory, { recursive: true, force: true });
}
