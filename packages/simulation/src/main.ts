import { parseArgs } from 'node:util';
import { simulateAll } from './pool.ts';
import type { SimulationOptions, SimulationResult } from './simulate.ts';

const usage = 'make simulate [SEED=1] [SEEDS=1] [HOSTS=20] [HOURS=6] [REAL_CRYPTO=1] [JOBS=n]';

interface Settings {
  readonly seed: number;
  readonly seeds: number;
  readonly hosts: number;
  readonly hours: number;
  readonly jobs: number | undefined;
  readonly isCryptoReal: boolean;
}

/** Throws `RangeError` saying which setting is wrong and what was expected. */
export function parseSettings(argv: readonly string[]): Settings {
  const string = { type: 'string' } as const;
  const { values } = parseArgs({
    args: [...argv],
    options: {
      seed: string,
      seeds: string,
      hosts: string,
      hours: string,
      jobs: string,
      'real-crypto': { type: 'boolean' },
    },
  });
  return {
    seed: whole('SEED', values.seed ?? '1', { from: 0, to: 2 ** 32 - 1 }),
    seeds: whole('SEEDS', values.seeds ?? '1', { from: 1, to: 10_000_000 }),
    hosts: whole('HOSTS', values.hosts ?? '20', { from: 1, to: 10_000 }),
    hours: whole('HOURS', values.hours ?? '6', { from: 3, to: 24 * 366 }),
    jobs: values.jobs === undefined ? undefined : whole('JOBS', values.jobs, { from: 1, to: 1024 }),
    isCryptoReal: values['real-crypto'] ?? false,
  };
}

function whole(name: string, text: string, { from, to }: { readonly from: number; readonly to: number }): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= from && value <= to) return value;
  throw new RangeError(`${name}=${text}: expected a whole number from ${from} to ${to}; ${usage}`);
}

function* runsOf({ seed, seeds, hosts, hours, isCryptoReal }: Settings): Generator<SimulationOptions> {
  for (let i = 0; i < seeds; i++) yield { seed: seed + i, hosts, hours, isCryptoReal };
}

/** What a failure tells: which invariant, how to see it again, and what led to it. */
export function describeFailure(
  { seed, broken }: SimulationResult,
  { hosts, hours }: Pick<Settings, 'hosts' | 'hours'>,
): string {
  if (broken === null) return '';
  const again = `make simulate SEED=${seed} HOSTS=${hosts} HOURS=${hours}`;
  return `${broken.invariant}: ${broken.text}\nagain with: ${again}\n${broken.timeline}\n`;
}

async function main(): Promise<number> {
  let settings: Settings;
  try {
    settings = parseSettings(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    return 2;
  }
  let held = 0;
  let steps = 0;
  let events = 0;
  const broken: SimulationResult[] = [];
  await simulateAll(runsOf(settings), {
    ...(settings.jobs === undefined ? {} : { jobs: settings.jobs }),
    onResult: (result) => {
      steps += result.counts.steps;
      events += result.counts.events;
      if (result.broken) broken.push(result);
      else held++;
      if (result.broken) process.stderr.write(`\n${describeFailure(result, settings)}`);
      return 'more';
    },
  });
  const { hosts, hours } = settings;
  process.stdout.write(
    `${held} of ${held + broken.length} seeds held every invariant: ${hosts} hosts, ${hours} h, ${steps} steps, ${events} events\n`,
  );
  if (broken.length > 0) process.stdout.write(`broken: ${broken.map(({ seed }) => seed).join(' ')}\n`);
  return broken.length > 0 ? 1 : 0;
}

if (import.meta.main) process.exitCode = await main();
