// CPU that the server spends on one check-in which is answered at once, over TLS 1.3 with a client certificate each, against a
// bare `node:https` handler that reads the same body and sends the same bytes back.

import { nodeFlags } from '../scripts/bundle-options.ts';
import { BenchFleet } from './lab/bench-fleet.ts';
import { median, rounded } from './lab/median.ts';
import { Program } from './lab/program.ts';
import { tlsIdentity } from './lab/tls-identity.ts';

const hosts = 200;
const rounds = 15;
const timesPerRound = 20;
/** Check-ins of each host before anything is measured: until the compiler has settled, on either side. */
const warmUpTimes = 300;

await using bench = await BenchFleet.create({ hosts });
await bench.converge();
await bench.fillState();
// The same Node for both: what its flags save or cost is no merit or fault of the program.
const nodeArguments = [...nodeFlags.controlPlane, ...process.argv.slice(2)];
await using bare = await Program.start('bare-server', nodeArguments);
await using controlPlane = await Program.start('control-plane-program', nodeArguments);
await using clients = await Program.start('hosts-program');

const barePort = await bare.call<number>('listen', await tlsIdentity('control-plane', 'bench'));
const controlPlanePort = await controlPlane.call<number>('start', bench.controlPlaneConfig);
const checkins = await bench.checkins();
await clients.call('connect', { server: 'bare', port: barePort, checkins });
await clients.call('connect', { server: 'control-plane', port: controlPlanePort, checkins });
const { head, body } = await clients.call<{ head: string; body: string }>('first', { server: 'control-plane' });
await bare.call('replyWith', { text: body, headers: headersOf(head) });

for (const server of ['bare', 'control-plane']) await clients.call('checkinAll', { server, times: warmUpTimes });

async function cpuMicroseconds(program: Program, server: string): Promise<number> {
  const before = await program.usage();
  await clients.call('checkinAll', { server, times: timesPerRound });
  return ((await program.usage()).cpuMs - before.cpuMs) * (1000 / (hosts * timesPerRound));
}

const ofBare: number[] = [];
const ofControlPlane: number[] = [];
const ratios: number[] = [];
for (let round = 0; round < rounds; round++) {
  const one = await cpuMicroseconds(bare, 'bare');
  const other = await cpuMicroseconds(controlPlane, 'control-plane');
  ofBare.push(one);
  ofControlPlane.push(other);
  ratios.push(other / one);
}
console.log(
  JSON.stringify({
    bench: 'checkin',
    hosts,
    checkins: rounds * hosts * timesPerRound,
    replyBytes: body.length,
    bareMicroseconds: rounded(median(ofBare), 1),
    microseconds: rounded(median(ofControlPlane), 1),
    ratio: rounded(median(ratios)),
    ratioMax: 1.4,
  }),
);

/** All but those that the bare server sets by itself. */
function headersOf(text: string): Record<string, string> {
  const own = /^(date|connection|keep-alive|content-length)$/i;
  const lines = text.split('\r\n').slice(1);
  const pairs = lines.map((line) => line.split(': ') as [string, string]);
  return Object.fromEntries(pairs.filter(([name]) => !own.test(name)));
}
