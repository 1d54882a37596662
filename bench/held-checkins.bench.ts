// A thousand idle hosts, each with a held check-in: what they cost in memory, against a bare HTTPS server that holds the same
// connections; what they cost in CPU while nothing happens; and how soon the last of them has its go after a release.
import { request } from 'node:https';
import { nodeFlags } from '../scripts/bundle-options.ts';
import { BenchFleet } from './lab/bench-fleet.ts';
import { rounded } from './lab/median.ts';
import { Program } from './lab/program.ts';
import { tlsIdentity } from './lab/tls-identity.ts';

const hosts = 1000;
const idleMs = 10_000;
/** Long enough for handshakes' garbage to be given back. */
const settleMs = 2000;

await using bench = await BenchFleet.create({ hosts });
await bench.converge();
await bench.fillState();
// The same Node for both: what its flags save or cost is no merit or fault of the program.
const nodeArguments = [...nodeFlags.controlPlane, ...process.argv.slice(2)];
await using bare = await Program.start('bare-server', nodeArguments);
await using controlPlane = await Program.start('control-plane-program', nodeArguments);
await using clients = await Program.start('hosts-program');

const barePort = await bare.call<number>('listen', await tlsIdentity('control-plane', 'bench'));
await bare.call('hold');
const port = await controlPlane.call<number>('start', bench.controlPlaneConfig);
const emptyBytes = { bare: await rssOf(bare), controlPlane: await rssOf(controlPlane) };
const checkins = await bench.checkins();
await clients.call('connect', { server: 'bare', port: barePort, checkins });
await clients.call('connect', { server: 'control-plane', port, checkins });
await clients.call('hold', { server: 'bare', isFollowed: false });
await clients.call('hold', { server: 'control-plane', isFollowed: true });
await pause(settleMs);

const rss = { bare: await rssOf(bare), controlPlane: await rssOf(controlPlane) };

// A refresh at its beginning, so that a look at the release source is part of the idle time.
await refresh();
const idleBefore = await controlPlane.usage();
await pause(idleMs);
const idleCpuMs = (await controlPlane.usage()).cpuMs - idleBefore.cpuMs;

await bench.publish((next) => {
  for (const host of Object.values(next.hosts)) host.closure++;
});
const publishedAt = process.hrtime.bigint();
await refresh();
const told = await clients.call<{ first: string; last: string; hosts: number }>('told');
const sinceMs = (at: string): number => rounded(Number(BigInt(at) - publishedAt) / 1e6, 0);

console.log(
  JSON.stringify({
    bench: 'held-checkins',
    hosts,
    bareMb: megabytes(rss.bare),
    controlPlaneMb: megabytes(rss.controlPlane),
    rssRatio: rounded(rss.controlPlane / rss.bare),
    rssRatioMax: 1.3,
    bareKbPerHost: kilobytesPerHost(rss.bare - emptyBytes.bare),
    controlPlaneKbPerHost: kilobytesPerHost(rss.controlPlane - emptyBytes.controlPlane),
    idleCpuPercent: rounded((idleCpuMs / idleMs) * 100),
    idleCpuPercentMax: 2,
    firstToldMs: sinceMs(told.first),
    lastToldMs: sinceMs(told.last),
    lastToldMsMax: 1000,
  }),
);

async function rssOf(program: Program): Promise<number> {
  return (await program.usage({ isCollected: true })).rssBytes;
}

function megabytes(bytes: number): number {
  return rounded(bytes / 2 ** 20, 0);
}

function kilobytesPerHost(bytes: number): number {
  return rounded(bytes / 2 ** 10 / hosts, 0);
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** As a forge's hook would call it: anonymously. */
function refresh(): Promise<void> {
  return new Promise((resolve, reject) => {
    const url = `https://127.0.0.1:${port}/v1/refresh`;
    const sent = request(url, { method: 'POST', rejectUnauthorized: false, agent: false }, (response) => {
      response.resume().once('end', () => {
        if (response.statusCode === 202) resolve();
        else reject(new Error(`refresh: ${response.statusCode}`));
      });
    });
    sent.once('error', reject).end();
  });
}
