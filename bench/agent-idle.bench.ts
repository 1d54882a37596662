// A real agent with nothing to do: its release is verified, its channel frozen, its check-in held by a real control plane.
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { addSeconds } from '@nixfleet/contracts';
import { privateKeyToPem } from '@nixfleet/contracts/node-crypto';
import { testKey } from '@nixfleet/testkit';
import { nodeFlags } from '../scripts/bundle-options.ts';
import { BenchFleet } from './lab/bench-fleet.ts';
import { rounded } from './lab/median.ts';
import { Program } from './lab/program.ts';

const hosts = 200;
const idleMs = 20_000;
/** Until the release is verified and the check-in held. */
const settleMs = 5000;

await using bench = await BenchFleet.create({ hosts });
const { now } = bench.fleet;
await bench.publish((next) => {
  const freeze = { from: addSeconds(now, -60), to: addSeconds(now, 86_400), reason: 'bench' };
  next.channels.stable?.freezes.push(freeze);
});
await using controlPlane = await Program.start('control-plane-program', nodeFlags.controlPlane);
const port = await controlPlane.call<number>('start', bench.controlPlaneConfig);

const root = join(bench.directory, 'machine');
const system = '/nix/store/00000000000000000000000000000000-nixos-system-bench';
const declared = join(root, 'store', system, 'etc', 'nixfleet');
await mkdir(declared, { recursive: true });
await writeFile(join(declared, 'health-checks.json'), '{"checks":{},"schemaVersion":1}');
await mkdir(join(root, 'run'));
await symlink(system, join(root, 'run', 'current-system'));
const key = join(bench.directory, 'host.pem');
await writeFile(key, privateKeyToPem((await testKey('host:host-0')).privateKey), { mode: 0o600 });
await using agent = await Program.start('agent-program', [...nodeFlags.agent, ...process.argv.slice(2)]);
await agent.call('start', {
  fleet: bench.fleet.name,
  host: 'host-0',
  stateDirectory: join(bench.directory, 'agent'),
  key,
  trust: join(bench.directory, 'trust.json'),
  controlPlanes: [`https://127.0.0.1:${port}`],
  backend: { kind: 'profile', storeDirectory: join(root, 'store'), systemRoot: root },
});
await pause(settleMs);
const complaints = await agent.call<string[]>('complaints');
if (complaints.length > 0) throw new Error(`the agent is not idle: ${complaints.join('; ')}`);

// What is measured must be an agent that has verified everything, and has somebody to wait for.
const metrics = await controlPlane.call<string>('metrics');
if (!/^nixfleet_checkins_held 1$/m.test(metrics)) throw new Error('the agent holds no check-in');
if (!/^nixfleet_hosts\{health="waiting"\} 1$/m.test(metrics)) throw new Error(`the host is not waiting:\n${metrics}`);

const before = await agent.usage();
await pause(idleMs);
const after = await agent.usage();
console.log(
  JSON.stringify({
    bench: 'agent-idle',
    hosts,
    rssMb: rounded(after.rssBytes / 2 ** 20, 1),
    rssMbMax: 70,
    heapMb: rounded(after.heapBytes / 2 ** 20, 1),
    cpuMs: rounded(after.cpuMs - before.cpuMs, 1),
    idleSeconds: idleMs / 1000,
    cpuPercent: rounded(((after.cpuMs - before.cpuMs) / idleMs) * 100),
  }),
);

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
