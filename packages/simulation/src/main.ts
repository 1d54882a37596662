import { parseArgs } from 'node:util';
import { simulateAll } from './pool.ts';
import { Progress } from './progress.ts';
import type { SimulationOptions, SimulationResult } from './simulate.ts';

const usage = 'make simulate [SEED=1] [SEEDS=1] [HOSTS=20] [HOURS=6] [WEEK=1] [REAL_CRYPTO=1] [JOBS=n]';
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
  };
}

function whole(name: string, text: string, { from, to }: { readonly from: number; readonly to: number }): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= from && value <= to) return value;
  throw new RangeError(`${name}=${text}: expected a whole number from ${from} to ${to}; ${usage}`);
}

function* runsOf({ seed, seeds, hosts, hours, isCryptoReal, hasWeek }: Settings): Generator<SimulationOptions> {
  // First, since it takes longest: the seeds fill the other workers meanwhile.
  if (hasWeek) yield { seed, ...week, isCryptoReal };
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
  const progress = new Progress(settings.seeds + (settings.hasWeek ? 1 : 0), (line) =>
    process.stderr.write(`${line}\n`),
  );
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
  const beside = settings.hasWeek ? `, and ${week.hosts} hosts for ${week.hours} h` : '';
  process.stdout.write(
    `${progress.held} of ${progress.done} runs held every invariant: ${hosts} hosts for ${hours} h${beside}; ${steps} steps, ${events} events\n`,
  );
  if (broken.length > 0) process.stdout.write(`broken: ${broken.join(', ')}\n`);
  return broken.length > 0 ? 1 : 0;
}

if (import.meta.main) process.exitCode = await main();
