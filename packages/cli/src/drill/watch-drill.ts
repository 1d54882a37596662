import {
  addSeconds,
  type DrillPlan,
  type HostName,
  type Instant,
  msToInstant,
  type RolloutId,
  type VerifiedEvent,
} from '@nixfleet/contracts';
import { type DrillQuestion, drillTrace, type ObservedDrill, observeDrill } from '@nixfleet/evidence';
import type { CommandContext } from '../command-context.ts';
import type { JournalsOf } from './drill-journals.ts';

/** Between two looks, in milliseconds. */
const lookMs = 1000;

/** A drill that hosts take part in. */
export type HostDrillPlan = DrillPlan & { readonly failAt: DrillQuestion['failAt'] };

/**
 * Looks at the journals of the drilled hosts until every step is there, or the time is up; tells each step as it comes. Bounded by
 * the plan: its limit once a host has begun, its deadline before. Returns the rollout that carried the drill, null if none did.
 */
export async function watchDrill(
  { clock, terminal, signal }: CommandContext,
  plan: HostDrillPlan,
  { journalsOf, mayWait }: { readonly journalsOf: JournalsOf; readonly mayWait: boolean },
): Promise<RolloutId | null> {
  const told = new Set<string>();
  const tell = (line: string): void => {
    if (!told.has(line)) terminal.talk(line);
    told.add(line);
  };
  for (;;) {
    const now = msToInstant(clock.now());
    const journals = await journalsOf(plan.hosts);
    const rolloutId = rolloutIn(plan, journals);
    const observed = rolloutId && observedOf(plan, { journals, held: [], rolloutId, until: now });
    const ends = endOf(plan, { observed, isConfirmed: isConfirmedIn(journals, rolloutId) });
    for (const { name, isObserved } of observed ? observed.steps : []) if (isObserved) tell(`observed: ${name}`);
    if (observed?.passed || !mayWait || now >= ends || signal.aborted) return rolloutId;
    const what = ends === plan.deadline ? 'for a release that carries the drill' : 'for what is not observed yet';
    tell(`waiting ${what}, until ${ends}`);
    await clock.sleep(lookMs, signal).catch(() => undefined);
  }
}

/** A host that confirmed was not drilled, or its gate does not work: which of both is known at the deadline. */
function endOf(
  { deadline, limitSeconds }: HostDrillPlan,
  { observed, isConfirmed }: { readonly observed: ObservedDrill | null; readonly isConfirmed: boolean },
): Instant {
  const isGoing = observed?.startedAt && !isConfirmed;
  return isGoing ? addSeconds(observed.startedAt, limitSeconds) : deadline;
}

function isConfirmedIn(
  journals: ReadonlyMap<HostName, readonly VerifiedEvent[]>,
  rolloutId: RolloutId | null,
): boolean {
  return [...journals.values()].some((events) =>
    events.some(({ event }) => event.kind === 'confirmed' && event.body.target.rolloutId === rolloutId),
  );
}

/** As far as the journals go; what happened after `until` is of no account. */
export function observedOf(
  { failAt, hosts, limitSeconds }: HostDrillPlan,
  {
    journals,
    held,
    rolloutId,
    until,
  }: {
    readonly journals: ReadonlyMap<HostName, readonly VerifiedEvent[]>;
    readonly held: readonly HostName[];
    readonly rolloutId: RolloutId;
    readonly until: Instant;
  },
): ObservedDrill {
  const question: DrillQuestion = { failAt, hosts, held, rolloutId, limitSeconds, observedUntil: until };
  const traces = [...journals].map(([host, events]) => [host, drillTrace(question, events)] as const);
  return observeDrill(question, new Map(traces));
}

/** The rollout of a drilled host's newest switch since the drill was written. */
function rolloutIn(
  { hosts, startedAt }: HostDrillPlan,
  journals: ReadonlyMap<HostName, readonly VerifiedEvent[]>,
): RolloutId | null {
  for (const host of hosts) {
    const begun = journals
      .get(host)
      ?.map(({ event }) => event)
      .findLast((event) => event.kind === 'fetching' && event.at >= startedAt);
    if (begun?.kind === 'fetching') return begun.body.target.rolloutId;
  }
  return null;
}
