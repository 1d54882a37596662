import type { JournalEvent } from '@nixfleet/contracts';
import type { DemoFleet } from './demo-fleet.ts';
import { type DemoHost, hostNames } from './layout.ts';
import type { Narrator } from './narrator.ts';

/** How long one step may take before the demo gives up, in seconds. */
export const stepSecondsMax = 120;

export interface Scene {
  readonly fleet: DemoFleet;
  readonly tell: Narrator;
}

export async function allConverged(fleet: DemoFleet, version: string): Promise<void> {
  await fleet.observer.until(`every host converged on ${version}`, stepSecondsMax, (view) =>
    view.hosts.every(({ health, running }) => health === 'converged' && running?.endsWith(`-${version}`)),
  );
  await runs(fleet, version);
}

/** Asks the services themselves: what runs is what answers. */
export async function runs(fleet: DemoFleet, version: string): Promise<void> {
  for (const name of hostNames) {
    const answer = await fetch(`http://127.0.0.1:${fleet.servicePort(name)}/`).then(
      (reply) => reply.json() as Promise<{ version?: unknown }>,
    );
    expect(answer.version === version, `${name} serves ${version}, not ${answer.version}`);
  }
}

type EventOf<Kind extends JournalEvent['kind']> = Extract<JournalEvent, { kind: Kind }>;

export async function eventOf<Kind extends JournalEvent['kind']>(
  fleet: DemoFleet,
  from: number,
  host: DemoHost,
  kind: Kind,
): Promise<EventOf<Kind>> {
  return fleet.observer.until(`${kind} of ${host}`, stepSecondsMax, async () => {
    const events = await fleet.observer.eventsAfter(from);
    return events
      .map(({ event }) => event)
      .find((event): event is EventOf<Kind> => event.host === host && event.kind === kind);
  });
}

export async function firstEvents(fleet: DemoFleet, kind: JournalEvent['kind']): Promise<DemoHost[]> {
  const events = await fleet.observer.eventsAfter(0);
  const hosts = events.filter(({ event }) => event.kind === kind).map(({ event }) => event.host as DemoHost);
  return [...new Set(hosts)];
}

export function expectOrder(order: readonly DemoHost[], groups: readonly (readonly DemoHost[])[]): void {
  let at = 0;
  for (const group of groups) {
    const got = order.slice(at, at + group.length);
    expect(
      group.every((name) => got.includes(name)),
      `${group.join(' and ')} next, not ${got.join(', ')}`,
    );
    at += group.length;
  }
}

export function expect(isTrue: unknown, what: string): asserts isTrue {
  if (!isTrue) throw new Error(`expected: ${what}`);
}
