import { parseArgs } from 'node:util';
import { simulateAll } from './pool.ts';
import { Progress } from './progress.ts';
import type { SimulationOptions, SimulationResult } from './simulate.ts';

const usage = 'make simulate [SEED=1] [SEEDS=1] [HOSTS=20] [HOURS=6] [WEEK=1] [SHARD=1/1] [REAL_CRYPTO=1] [JOBS=n]';
/** A week of a large fleet, beside the seeds. */
const week = { hosts: 500, hours: 168 };

interface Settings {
  readonly seed: number;
  readonly seeds: number;
  readonly hosts: number;
  readonly hours: number;
  readonly jobs: number | undefined;
  readonly isCryptoReal: boolean;
  /** Begins with a week of 500 hosts, whose seed is the first. */
  readonly hasWeek: boolean;
  /** Of so many machines that share the runs, which one this is, from 1. */
  readonly shard: { readonly index: number; readonly count: number };
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
      week: { type: 'boolean' },
      shard: string,
    },
  });
  return {
    seed: whole('SEED', values.seed ?? '1', { from: 0, to: 2 ** 32 - 1 }),
    seeds: whole('SEEDS', values.seeds ?? '1', { from: 1, to: 10_000_000 }),
    hosts: whole('HOSTS', values.hosts ?? '20', { from: 1, to: 10_000 }),
    hours: whole('HOURS', values.hours ?? '6', { from: 3, to: 24 * 366 }),
    jobs: values.jobs === undefined ? undefined : whole('JOBS', values.jobs, { from: 1, to: 1024 }),
    isCryptoReal: values['real-crypto'] ?? false,
    hasWeek: values.week ?? false,
    shard: shardOf(values.shard ?? '1/1'),
  };
}

function shardOf(text: string): Settings['shard'] {
  const [index = 0, count = 0] = /^\d{1,4}\/\d{1,4}$/.test(text) ? text.split('/').map(Number) : [];
  if (index >= 1 && index <= count) return { index, count };
  throw new RangeError(`SHARD=${text}: expected which machine of how many, as 3/10; ${usage}`);
}

function whole(name: string, text: string, { from, to }: { readonly from: number; readonly to: number }): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= from && value <= to) return value;
  throw new RangeError(`${name}=${text}: expected a whole number from ${from} to ${to}; ${usage}`);
}

/** The share of this machine: every run of all of them is one machine's. */
export function* runsOf(settings: Settings): Generator<SimulationOptions> {
  const { seed, seeds, hosts, hours, isCryptoReal, shard } = settings;
  // First, since it takes longest: the seeds fill the other workers meanwhile.
  if (playsWeek(settings)) yield { seed, ...week, isCryptoReal };
  for (let i = shard.index - 1; i < seeds; i += shard.count) yield { seed: seed + i, hosts, hours, isCryptoReal };
}

/** How many those are. */
export function runsIn(settings: Settings): number {
  const { seeds, shard } = settings;
  return Math.max(0, Math.ceil((seeds - shard.index + 1) / shard.count)) + (playsWeek(settings) ? 1 : 0);
}

function playsWeek({ hasWeek, shard }: Settings): boolean {
  return hasWeek && shard.index === 1;
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
  const runs = runsIn(settings);
  if (runs === 0) {
    const { index, count } = settings.shard;
    process.stderr.write(
      `SHARD=${index}/${count}: of ${settings.seeds} seeds it plays none; give SEEDS=${count} or more\n`,
    );
    return 2;
  }
  const progress = new Progress(runs, (line) => process.stderr.write(`${line}\n`));
  let steps = 0;
  let events = 0;
  const broken: string[] = [];
  await simulateAll(runsOf(settings), {
    ...(settings.jobs === undefined ? {} : { jobs: settings.jobs }),
    onHours: (hours, run) => {
      if ('seed' in run) progress.hours(run, hours);
    },
    onResult: (result, run) => {
      if ('scene' in run) return 'more';
      steps += result.counts.steps;
      events += result.counts.events;
      if (result.broken) {
        broken.push(`${result.seed}${run.hours === settings.hours ? '' : ` (${run.hosts} hosts, ${run.hours} h)`}`);
        process.stderr.write(`\n${describeFailure(result, run)}`);
      }
      progress.ended(result.broken === null);
      return 'more';
    },
  });
  const { hosts, hours } = settings;
  const beside = playsWeek(settings) ? `, and ${week.hosts} hosts for ${week.hours} h` : '';
  process.stdout.write(
    `${progress.held} of ${progress.done} runs held every invariant: ${hosts} hosts for ${hours} h${beside}; ${steps} steps, ${events} events\n`,
  );
  if (broken.length > 0) process.stdout.write(`broken: ${broken.join(', ')}\n`);
  return broken.length > 0 ? 1 : 0;
}

if (import.meta.main) process.exitCode = await main();
