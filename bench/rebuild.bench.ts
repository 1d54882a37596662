// A control plane that lost its state: a thousand hosts send their whole journals, signed, and it knows everything again. Through
// `handle` with a store on disk; TLS is measured elsewhere. With the shares of what each event costs.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EventBatch, Instant, instantToMs, manifestEntry, protocolHeader, verifyEvents } from '@nixfleet/contracts';
import { systemClock } from '@nixfleet/contracts/node-clock';
import { nodeCrypto } from '@nixfleet/contracts/node-crypto';
import { systemRandom } from '@nixfleet/contracts/node-random';
import {
  ControlPlane,
  directorySource,
  nextTurn,
  openSqliteStore,
  type Peer,
  silentLog,
} from '@nixfleet/control-plane';
import { accepted, testKey } from '@nixfleet/testkit';
import { BenchFleet, benchLimits } from './lab/bench-fleet.ts';
import { type JournalBody, journalEvents, journals } from './lab/journals.ts';
import { rounded } from './lab/median.ts';

const hosts = 1000;
/** Hosts that send at the same time. */
const atOnce = 32;
/** Journals on which the shares are measured. */
const sampled = 100;
const now = Instant.parse('2026-06-01T08:00:00Z');

await using bench = await BenchFleet.create({ hosts, now });
const { fleet, manifests } = await bench.fleet.verified();
const manifest = manifests.get('stable');
if (!manifest) throw new Error('no manifest');
const some = await bench.fleet.target(bench.hosts[0] ?? '');
const bodies = await journals({
  fleet: bench.fleet.name,
  hosts: bench.hosts,
  targetOf: (host) => {
    const { closure, closureDigest } = accepted(manifestEntry(manifest.document, fleet, host));
    return { ...some, closure, closureDigest };
  },
  since: Instant.parse('2026-05-01T08:00:00Z'),
});
const peers = new Map<string, Peer>();
for (const host of bench.hosts) {
  peers.set(host, { spkiSha256: (await testKey(`host:${host}`)).keyId, address: '127.0.0.1' });
}

const directory = await mkdtemp(join(tmpdir(), 'nixfleet-rebuild-'));
try {
  await using store = openSqliteStore({ path: join(directory, 'control-plane.sqlite'), nextTurn });
  await using controlPlane = await ControlPlane.start({
    trust: bench.fleet.trustChain[0]?.bytes ?? new Uint8Array(),
    source: directorySource({ path: bench.releases }),
    store,
    // The fleet's own time: its journals are signed once, and stay valid.
    clock: { ...systemClock, now: () => instantToMs(now) + performance.now() },
    random: systemRandom,
    crypto: nodeCrypto,
    log: silentLog,
    limits: benchLimits,
  });
  while (controlPlane.readiness().rebuilding === null) await systemClock.sleep(20);
  const cpuBefore = process.cpuUsage();
  const seconds = await rebuild(controlPlane);
  const cpu = process.cpuUsage(cpuBefore);
  const events = (await store.read({ after: 0, limit: 1 })).length > 0 ? hosts * journalEvents : 0;
  const perEvent = (seconds / events) * 1e6;
  const { readBody, verify } = await shares();
  console.log(
    JSON.stringify({
      bench: 'rebuild',
      hosts,
      events,
      megabytes: Math.round(bodies.reduce((sum, { body }) => sum + body.length, 0) / 2 ** 20),
      seconds: rounded(seconds),
      secondsMax: 10,
      cpuSeconds: rounded((cpu.user + cpu.system) / 1e6),
      microsecondsPerEvent: rounded(perEvent, 1),
      ofWhich: {
        readBody: rounded(readBody, 1),
        verify: rounded(verify, 1),
        storeFoldAndRest: rounded(perEvent - readBody - verify, 1),
      },
    }),
  );
} finally {
  await rm(directory, { recursive: true, force: true });
}

/** Seconds from the first check-in until nothing waits for a journal any more. */
async function rebuild(controlPlane: ControlPlane): Promise<number> {
  const startedAt = performance.now();
  const left = [...bodies];
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (let next = left.pop(); next; next = left.pop()) await replay(controlPlane, next);
    }),
  );
  while (controlPlane.readiness().rebuilding !== null) await systemClock.sleep(5);
  return (performance.now() - startedAt) / 1000;
}

/** As an agent does: it says where its journal ends, is asked for it, and sends it. */
async function replay(controlPlane: ControlPlane, { host, body, position }: JournalBody): Promise<void> {
  const checkin = {
    agentVersion: '0.1.0',
    running: null,
    bootId: 'boot-5',
    journal: position,
    seen: { head: null, go: null },
  };
  const reply = await post(controlPlane, host, '/v1/agent/checkin', Buffer.from(JSON.stringify(checkin)));
  if (JSON.parse(reply).replayFrom?.seq !== 1)
    throw new Error(`${host}: expected to be asked for everything: ${reply}`);
  await post(controlPlane, host, '/v1/agent/events', body);
}

async function post(controlPlane: ControlPlane, host: string, path: string, body: Uint8Array): Promise<string> {
  const signal = new AbortController().signal;
  const request = { method: 'POST', path, headers: { [protocolHeader]: '1' }, body, signal };
  const peer = peers.get(host) ?? { spkiSha256: null, address: '127.0.0.1' };
  const { status, body: text } = await controlPlane.handle(peer, request);
  if (status !== 200) throw new Error(`${path} of ${host}: ${status} ${String(text)}`);
  return String(text);
}

/** Microseconds an event: reading the body, and verifying form, chain and the last signature. */
async function shares(): Promise<{ readBody: number; verify: number }> {
  const sample = bodies.slice(0, sampled);
  const batches: { host: string; batch: EventBatch }[] = [];
  const readBody = await perEventOf(async () => {
    for (const { host, body } of sample)
      batches.push({ host, batch: EventBatch.parse(JSON.parse(body.toString('utf8'))) });
  });
  const { ctx } = bench.fleet;
  const input = ({ host, batch }: (typeof batches)[number]) => {
    const keys = fleet.hostKeys(host as never);
    return { host: host as never, keys, ...batch, after: null, signatures: 'last' as const };
  };
  const verify = await perEventOf(async () => {
    for (const each of batches) accepted(await verifyEvents(ctx, input(each)));
  });
  return { readBody, verify };
}

async function perEventOf(work: () => Promise<void>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return ((performance.now() - startedAt) * 1000) / (sampled * journalEvents);
}
