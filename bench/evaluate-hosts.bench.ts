// Evaluating 150 hosts, each of which takes far more memory than a stub, in workers under a budget that fewer fit into than
// may run: seconds, and the most memory that all evaluators together held, sampled every 50 ms. Target: within the budget.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { HostName } from '@nixfleet/contracts';
import { systemClock } from '@nixfleet/contracts/node-clock';
import {
  evaluateHosts,
  type Nix,
  noProgress,
  parseFleetSource,
  systemCommands,
  systemNix,
  systemProcessMemory,
} from '@nixfleet/release';
import { rounded } from './lab/median.ts';

const mebibyte = 1024 * 1024;
const hosts = 150;
/** What the list in each host holds by its own reckoning; an evaluator takes some four times that. */
const hostBytes = 48 * mebibyte;
/** Four may start, and do not fit. */
const limits = { workersMax: 8, budgetBytes: 512 * mebibyte, workerBytes: 128 * mebibyte };
const sampleIntervalMs = 50;

const directory = await mkdtemp(join(tmpdir(), 'nixfleet-bench-'));
const fleetFile = join(directory, 'fleet.nix');
const lab = join(import.meta.dirname, 'lab', 'fleets.nix');
await writeFile(fleetFile, `import ${lab} { hosts = ${hosts}; bytes = ${hostBytes}; }\n`);

const system = systemNix({
  commands: systemCommands({ clock: systemClock }),
  config: { store: join(directory, 'store'), options: { 'build-users-group': '' } },
});
const pids = new Set<number>();
let starts = 0;
const nix: Nix = {
  ...system,
  instantiate(source, host, call) {
    starts++;
    const onStart = (pid: number) => {
      pids.add(pid);
      call?.onStart?.(pid);
    };
    return system.instantiate(source, host, { ...call, onStart });
  },
};

let peakBytes = 0;
let heaviestBytes = 0;
function sample(): void {
  let bytes = 0;
  for (const pid of pids) {
    const resident = systemProcessMemory.residentBytes(pid);
    if (resident === null) pids.delete(pid);
    heaviestBytes = Math.max(heaviestBytes, resident ?? 0);
    bytes += resident ?? 0;
  }
  peakBytes = Math.max(peakBytes, bytes);
}

const sampler = setInterval(sample, sampleIntervalMs);
try {
  const startedAt = performance.now();
  const source = parseFleetSource(fleetFile, { directory });
  const results = await evaluateHosts({
    nix,
    sourceOf: () => source,
    factsOf: () => null,
    hosts: Array.from({ length: hosts }, (_, n) => `host-${n}` as HostName),
    limits,
    memory: systemProcessMemory,
    clock: systemClock,
    progress: noProgress,
  });
  const failed = [...results].find(([, outcome]) => !outcome.ok);
  if (failed || results.size !== hosts) throw new Error(`not all were evaluated: ${JSON.stringify(failed)}`);
  console.log(
    JSON.stringify({
      bench: 'evaluate-hosts',
      hosts,
      seconds: rounded((performance.now() - startedAt) / 1000, 1),
      heaviestMb: rounded(heaviestBytes / mebibyte, 0),
      peakMb: rounded(peakBytes / mebibyte, 0),
      peakMbMax: limits.budgetBytes / mebibyte,
      startedAgain: starts - hosts,
    }),
  );
} finally {
  clearInterval(sampler);
  await rm(directory, { recursive: true, force: true });
}
