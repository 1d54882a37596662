// How long `nixfleet status` takes on a fleet of 200 hosts, from start to exit, over TLS to a server in this process;
// against `node -e 0`, taken in turns. Needs the bundle (`make build`).
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startViewsServer } from '@nixfleet/cli/testing';
import { addSeconds, FleetView, msToInstant } from '@nixfleet/contracts';
import { generatePrivateKey, privateKeyToPem } from '@nixfleet/contracts/node-crypto';

const HOSTS = 200;
const RUNS = 15;
const WARM_UPS = 2;
const MAIN = join(import.meta.dirname, '..', 'dist', 'lib', 'main.js');

const now = msToInstant(Date.now());
const rolloutId = 'ab'.repeat(32);
const closure = `/nix/store/${'x3k2j1a0'.repeat(4)}-nixos-system-25.05`;
const fleet = FleetView.parse({
  fleet: 'bench',
  now,
  release: { version: 3, sha256: rolloutId, commit: '3f2a1bc0'.repeat(5), createdAt: now },
  head: { version: 9, signedAt: now, expiresAt: addSeconds(now, 7200) },
  trustVersion: 1,
  rebuilding: null,
  problems: [],
  hosts: Array.from({ length: HOSTS }, (_, i) => ({
    name: `host-${i}`,
    channel: 'stable',
    tags: ['web', 'eu'],
    health: i % 10 === 0 ? 'waiting' : 'converged',
    phase: null,
    running: closure,
    target: closure,
    wave: i % 4,
    online: true,
    lastSeenAt: now,
    rebootPending: false,
    withheld: i % 10 === 0 ? [{ code: 'wave', names: ['host-1', 'host-2'], have: 1, need: 2 }] : [],
  })),
  rollouts: [],
  unknownKeys: [],
});

function time(args: readonly string[], env: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    const started = performance.now();
    const child = spawn(process.execPath, args, { env: { PATH: process.env.PATH ?? '', ...env }, stdio: 'ignore' });
    child.on('error', reject);
    child.on('exit', (code) => {
      if (code === 0) resolve(performance.now() - started);
      else reject(new Error(`${args.join(' ')}: exit code ${code}`));
    });
  });
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

const directory = await mkdtemp(join(tmpdir(), 'nixfleet-bench-'));
const server = await startViewsServer(() => ({ body: fleet }), now);
try {
  const identity = join(directory, 'operator.pem');
  await writeFile(identity, privateKeyToPem(generatePrivateKey('ed25519')), { mode: 0o600 });
  const env = {
    HOME: directory,
    NIXFLEET_CONTROL_PLANES: server.url,
    NIXFLEET_PINS: server.pin,
    NIXFLEET_IDENTITY: identity,
  };
  const node: number[] = [];
  const status: number[] = [];
  for (let run = -WARM_UPS; run < RUNS; run++) {
    const bare = await time(['-e', '0'], env);
    const whole = await time([MAIN, 'status'], env);
    if (run < 0) continue;
    node.push(bare);
    status.push(whole);
  }
  const result = { nodeMs: median(node), statusMs: median(status), statusMsMax: Math.max(...status) };
  const rounded = Object.fromEntries(Object.entries(result).map(([name, ms]) => [name, Math.round(ms)]));
  const ratio = Number((result.statusMs / result.nodeMs).toFixed(2));
  console.log(JSON.stringify({ bench: 'cli-start', hosts: HOSTS, runs: RUNS, ...rounded, ratio }));
} finally {
  await server[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
}
