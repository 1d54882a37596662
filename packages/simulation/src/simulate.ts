import type { Crypto } from '@nixfleet/contracts';
import { nodeCrypto } from '@nixfleet/contracts/node-crypto';
import { cheapCrypto } from './cheap-crypto.ts';
import { Dice } from './dice.ts';
import { judgeEnd, judgeState } from './end.ts';
import { Faults } from './faults.ts';
import { closeTheWorld } from './guard.ts';
import { Quiet } from './quiet.ts';
import { judgeReasons } from './reasons.ts';
import { ReleasePlan } from './release-plan.ts';
import type { Invariant } from './rule.ts';
import { SimulatedFleet } from './simulated-fleet.ts';
import { tempoOf } from './tempo.ts';
import { Witness } from './witness.ts';

export interface SimulationOptions {
  readonly seed: number;
  readonly hosts: number;
  readonly hours: number;
  /** Real signatures, a hundred times slower. Default: cheap ones. */
  readonly isCryptoReal?: boolean;
  /** Time in which the fleet is at rest is skipped. Default: in runs of more than a day. */
  readonly skipsQuiet?: boolean;
}

export interface SimulationResult {
  readonly seed: number;
  /** Null: every invariant held. */
  readonly broken: { readonly invariant: Invariant | 'fault'; readonly text: string; readonly timeline: string } | null;
  /** Equal for equal runs. */
  readonly fingerprint: string;
  readonly counts: {
    readonly steps: number;
    readonly events: number;
    readonly releases: number;
    readonly skippedMinutes: number;
  };
}

const hourMs = 3600_000;
/** Between two looks at what has come of it so far, in virtual milliseconds. */
const sliceMs = 60_000;
/** Between two looks at what the control plane tells people, in virtual milliseconds. */
const viewsMs = 20 * 60_000;

/** One run: a random fleet, random releases and random trouble, all from the seed; then calm, in which it must come right. */
export async function simulate(
  options: SimulationOptions,
  onHours: (hours: number) => void = () => {},
): Promise<SimulationResult> {
  const { seed, hours } = options;
  const tempo = tempoOf(hours);
  using _world = closeTheWorld();
  const dice = new Dice(seed);
  const crypto: Crypto = options.isCryptoReal ? nodeCrypto : cheapCrypto;
  const witness = new Witness();
  const headSeconds = dice.of('head').pick(tempo.headSeconds);
  await using fleet = await SimulatedFleet.create(dice, { size: options, crypto, witness, headSeconds });
  witness.begin(fleet);
  const weather = dice.of('weather').pick(tempo.weathers);
  const faults = new Faults(fleet, {
    dice: dice.of('faults'),
    weather,
    tempo,
    onWiped: () => witness.wiped(),
    onTrouble: (host) => witness.hindered(host),
  });
  const releases = new ReleasePlan(fleet, { dice: dice.of('releases'), tempo, badShare: weather.badReleaseShare });
  const quiet = (options.skipsQuiet ?? tempo.skipsQuiet) ? new Quiet(fleet, witness) : null;
  const passing = { quiet, onHours };

  await fleet.ci.release([...fleet.hosts.keys()], () => 'good');
  fleet.start();
  faults.begin();
  releases.begin();
  await runUntil(fleet, witness, Math.max(0.5, hours - tempo.calmHours) * hourMs, passing);
  faults.end();
  await releases.end();
  await runUntil(fleet, witness, hours * hourMs, passing);
  if (!isOver(fleet, witness)) await judgeEnd(fleet, witness);
  const result = resultOf(fleet, witness, seed);
  return { ...result, counts: { ...result.counts, skippedMinutes: (quiet?.skippedMs ?? 0) / sliceMs } };
}

/** Lets time pass, looking every virtual minute at what has come of it. */
export async function runUntil(
  fleet: SimulatedFleet,
  witness: Witness,
  ms: number,
  { quiet = null, onHours = () => {} }: { readonly quiet?: Quiet | null; onHours?: (hours: number) => void } = {},
): Promise<void> {
  let hours = Math.floor(fleet.scheduler.nowMs / hourMs);
  while (fleet.scheduler.nowMs < ms && !isOver(fleet, witness)) {
    await quiet?.pass(ms);
    await fleet.scheduler.runUntil(Math.min(ms, nextSliceMs(fleet.scheduler.nowMs)));
    for (const host of fleet.hosts.values())
      judgeState(witness, host, { now: fleet.now, nowMs: fleet.scheduler.nowMs });
    if (fleet.scheduler.nowMs % viewsMs === 0) await judgeReasons(fleet, witness);
    if (fleet.scheduler.nowMs < (hours + 1) * hourMs) continue;
    hours = Math.floor(fleet.scheduler.nowMs / hourMs);
    onHours(hours);
  }
}

/** The next whole minute. */
function nextSliceMs(nowMs: number): number {
  return (Math.floor(nowMs / sliceMs) + 1) * sliceMs;
}

export function isOver(fleet: SimulatedFleet, witness: Witness): boolean {
  return fleet.fault !== null || witness.breach !== null;
}

export function resultOf(fleet: SimulatedFleet, { breach, concerned, facts }: Witness, seed: number): SimulationResult {
  const { fault, timeline, scheduler } = fleet;
  const events = [...facts.ledgers.values()].reduce((sum, ledger) => sum + ledger.events, 0);
  const counts = { steps: scheduler.done, events, releases: facts.releaseVersion, skippedMinutes: 0 };
  const fingerprint = `${scheduler.fingerprint.toString(16)}-${scheduler.done}-${events}-${timeline.count}`;
  if (breach) return { seed, broken: { ...breach, timeline: timeline.of(concerned) }, fingerprint, counts };
  if (fault) {
    const text = `${fault.who} ended by itself: ${fault.error instanceof Error ? fault.error.stack : String(fault.error)}`;
    return { seed, broken: { invariant: 'fault', text, timeline: timeline.of([fault.who]) }, fingerprint, counts };
  }
  return { seed, broken: null, fingerprint, counts };
}
