// mkFleet over stubs: milliseconds of `nix-instantiate --eval` for the fleet document and all warnings of 100, 1,000 and
// 5,000 hosts, less what Nix takes for nothing, in turns. Target: 1,000 hosts in about 300 ms.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { median, rounded } from './lab/median.ts';

const rounds = 5;
const sizes = [100, 1_000, 5_000];
const fleets = join(import.meta.dirname, 'lab', 'fleets.nix');

interface Evaluation {
  readonly ms: number;
  readonly bytes: number;
}

function evaluate(expression: string): Evaluation {
  const args = ['--eval', '--strict', '--json', '--store', 'dummy://', '--expr', expression];
  const startedAt = performance.now();
  const { status, stdout, stderr } = spawnSync('nix-instantiate', args, { maxBuffer: 256 * 1024 * 1024 });
  if (status !== 0) throw new Error(`nix-instantiate failed: ${stderr}`);
  return { ms: performance.now() - startedAt, bytes: stdout.length };
}

const start: number[] = [];
const runs = sizes.map((hosts) => ({ hosts, ms: [] as number[], bytes: 0 }));
for (let round = 0; round < rounds; round++) {
  start.push(evaluate('null').ms);
  for (const run of runs) {
    const { ms, bytes } = evaluate(
      `let fleet = import ${fleets} { hosts = ${run.hosts}; }; in { inherit (fleet) resolved warnings; }`,
    );
    run.ms.push(ms);
    run.bytes = bytes;
  }
}
const startMs = median(start);
console.log(
  JSON.stringify({
    bench: 'mk-fleet',
    startMs: rounded(startMs, 0),
    ms: Object.fromEntries(runs.map(({ hosts, ms }) => [`hosts${hosts}`, rounded(median(ms) - startMs, 0)])),
    msMax: { hosts1000: 300 },
    bytes: Object.fromEntries(runs.map(({ hosts, bytes }) => [`hosts${hosts}`, bytes])),
    rounds,
  }),
);
