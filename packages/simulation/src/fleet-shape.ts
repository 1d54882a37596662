import { ChannelPolicy, type Instant, msToInstant } from '@nixfleet/contracts';
import { type TestIntent, testChannel, testHost, testPolicy } from '@nixfleet/testkit';
import type { Dice } from './dice.ts';

/** When every run begins. */
export const startAt = '2026-06-01T08:00:00Z' as Instant;
/** For how long windows are resolved past the end of a run, in hours. */
const windowHoursMore = 24;

export interface FleetSize {
  readonly hosts: number;
  readonly hours: number;
}

/** A random fleet that `mkFleet` would accept: channels, waves, budgets, edges and policies. */
export function throwFleet(dice: Dice, { hosts, hours }: FleetSize): TestIntent {
  const names = Array.from({ length: hosts }, (_, i) => `host-${String(i + 1).padStart(3, '0')}`);
  const channelNames = ['stable', 'data', 'edge'].slice(0, dice.whole(1, 3));
  const intent: TestIntent = {
    repository: 'https://git.example.org/fleet.git',
    commit: '0'.repeat(40),
    hosts: {},
    channels: {},
    edges: [],
    budgets: [],
    operators: { olivia: { pubkeys: [] } },
  };
  const members = new Map(channelNames.map((channel) => [channel, [] as string[]]));
  for (const name of names) {
    const channel = dice.pick(channelNames);
    members.get(channel)?.push(name);
    intent.hosts[name] = testHost(channel);
  }
  for (const [i, channel] of channelNames.entries()) {
    const own = members.get(channel) ?? [];
    const before = channelNames[i - 1];
    const waves = wavesOf(own, dice.whole(1, 4), dice);
    const declared = testChannel(waves, before !== undefined && dice.chance(0.4) ? [before] : []);
    for (const wave of declared.waves) {
      wave.soakSeconds = dice.pick([0, 60, 180]);
      wave.promoteWhen = dice.pick([
        { convergedPercent: 100, receiptsPercent: 100 },
        { convergedPercent: 100, receiptsPercent: 100 },
        { convergedPercent: 75, receiptsPercent: 50 },
      ]);
    }
    declared.policy = throwPolicy(dice, { channel, hosts });
    if (dice.chance(0.25)) Object.assign(declared, throwWindows(dice, hours + windowHoursMore));
    intent.channels[channel] = declared;
    intent.edges.push(...throwEdges(waves, dice));
  }
  for (const budget of ['power', 'database'].slice(0, dice.whole(0, 2))) {
    const chosen = names.filter(() => dice.chance(0.6));
    if (chosen.length > 0)
      intent.budgets.push({ name: budget, hosts: chosen, maxInFlight: scaled(dice.whole(2, 5), hosts) });
  }
  return intent;
}

function wavesOf(hosts: readonly string[], count: number, dice: Dice): string[][] {
  const waves: string[][] = Array.from({ length: count }, () => []);
  for (const host of hosts) dice.pick(waves).push(host);
  const filled = waves.filter(({ length }) => length > 0);
  return filled.length > 0 ? filled : [[]];
}

/** What is allowed at once grows with the fleet beyond this size: of two at a time, hundreds take days. */
const smallHosts = 20;

function scaled(count: number, hosts: number): number {
  return Math.ceil(count * Math.max(1, hosts / smallHosts));
}

function throwPolicy(
  dice: Dice,
  { channel, hosts }: { readonly channel: string; readonly hosts: number },
): ChannelPolicy {
  return ChannelPolicy.parse({
    ...testPolicy,
    confirm: { by: 'control-plane', timeoutSeconds: dice.pick([60, 120, 180]) },
    activationTimeoutSeconds: dice.pick([60, 120, 300]),
    onHealthFailure: dice.pick(['halt', 'rollback-and-halt', 'rollback-and-halt']),
    maxFailures: dice.pick([{ count: 0 }, { count: 1 }, { percent: 20 }]),
    onNewRelease: dice.pick(['finish', 'replace']),
    offlineGraceSeconds: dice.pick([null, 300, 900]),
    unconfirmedRetrySeconds: 30,
    unconfirmedRetryMaxSeconds: 600,
    fetchesMax: dice.pick([null, null, scaled(2, hosts)]),
    reboot: dice.pick(['never', 'window', 'immediate']),
    compliance: throwCompliance(dice.of(`compliance of ${channel}`)),
  });
}

/** Most channels measure nothing: a collection costs more than everything else that a host does in a minute. */
function throwCompliance(dice: Dice): ChannelPolicy['compliance'] {
  const mode = dice.pick(['disabled', 'disabled', 'disabled', 'permissive', 'enforce', 'enforce'] as const);
  return { mode, frameworks: [], onDrift: dice.pick(['report', 'hold', 'reactivate'] as const) };
}

/** Open for a part of every hour. */
function throwWindows(dice: Dice, windowHours: number) {
  const minutes = dice.whole(25, 50);
  const hours = Array.from({ length: windowHours }, (_, i) => Date.parse(startAt) + i * 3600_000);
  return {
    windows: hours.map((fromMs) => ({ from: msToInstant(fromMs), to: msToInstant(fromMs + minutes * 60_000) })),
    resolvedUntil: msToInstant(Date.parse(startAt) + windowHours * 3600_000),
  };
}

/** Each from a host to one of its own or a later wave, in the order of names: no cycles, and no edge against the waves. */
function throwEdges(waves: readonly (readonly string[])[], dice: Dice) {
  const edges: TestIntent['edges'] = [];
  for (const [wave, hosts] of waves.entries()) {
    for (const gates of hosts) {
      const later = waves.slice(wave).flatMap((names, i) => (i === 0 ? names.filter((name) => name > gates) : names));
      if (later.length > 0 && dice.chance(0.1)) edges.push({ gates, gated: dice.pick(later) });
    }
  }
  return edges;
}
