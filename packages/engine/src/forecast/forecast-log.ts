import {
  type EventContent,
  entriesOf,
  type Forecast,
  type ForecastBlock,
  type ForecastRollout,
  type ForecastWave,
  type HostName,
  type Instant,
  type RolloutId,
  type RolloutManifest,
  type RolloutSummary,
  type Withheld,
  type WithheldCode,
} from '@nixfleet/contracts';
import type { Plan } from '../planner-types.ts';

/** What stands against hosts that are ready: no part of how a rollout goes, as waves, soaks, edges and budgets are. */
const blockCodes: ReadonlySet<WithheldCode> = new Set([
  'head-expired',
  'hold',
  'freeze',
  'outside-window',
  'rebuilding',
  'channel-edge',
  'observe',
  'local-hold',
]);
/** Beside a block these say nothing: they stand only as long as it does, or against everything. */
const besideBlocks: ReadonlySet<WithheldCode> = new Set(['no-go', 'control-plane-silent', 'waiting-for-rollout']);

interface HostTimes {
  readonly began: Map<HostName, Instant>;
  readonly done: Map<HostName, Instant>;
  readonly failed: Set<HostName>;
}

interface Blocks {
  readonly open: Map<string, { readonly withheld: Withheld; readonly from: Instant }>;
  readonly over: ForecastBlock[];
}

/** What happened in a forecast, and when: told rollout by rollout at its end. */
export class ForecastLog {
  readonly #from: Instant;
  readonly #times = new Map<RolloutId, HostTimes>();
  readonly #blocks = new Map<RolloutId, Blocks>();

  constructor(from: Instant) {
    this.#from = from;
  }

  wrote(host: HostName, event: EventContent, now: Instant): void {
    const isTold = event.kind === 'fetching' || event.kind === 'converged' || event.kind === 'failed';
    if (!isTold) return;
    const times = this.#timesOf(event.body.target.rolloutId);
    if (event.kind === 'failed') times.failed.add(host);
    else if (event.kind === 'fetching') {
      if (!times.began.has(host)) times.began.set(host, now);
    } else times.done.set(host, now);
  }

  /** What keeps hosts from starting now that else would. */
  saw({ rollouts, hosts }: Plan, now: Instant): void {
    const against = blocksByRollout(hosts);
    for (const { rolloutId, withheld } of rollouts) {
      const blocks = this.#blocksOf(rolloutId);
      const waiting = withheld.filter(({ code }) => code === 'waiting-for-rollout');
      const standing = new Map([
        ...waiting.map((entry) => [keyOf(entry), entry] as const),
        ...(against.get(rolloutId) ?? []),
      ]);
      for (const [key, { withheld: ended, from }] of blocks.open) {
        if (standing.has(key)) continue;
        blocks.open.delete(key);
        if (from < now) blocks.over.push({ withheld: ended, from, to: now });
      }
      for (const [key, entry] of standing) {
        if (!blocks.open.has(key)) blocks.open.set(key, { withheld: entry, from: now });
      }
    }
  }

  /** `current`: the rollouts that the release wants in the end; earlier ones are told where something happened in them. */
  told(
    planned: Plan,
    {
      manifests,
      current,
      now,
    }: {
      readonly manifests: ReadonlyMap<RolloutId, RolloutManifest>;
      readonly current: ReadonlySet<RolloutId>;
      readonly now: Instant;
    },
  ): Forecast {
    const rollouts = planned.rollouts.flatMap((summary) => {
      const manifest = manifests.get(summary.rolloutId);
      const isTold = current.has(summary.rolloutId) || this.#times.has(summary.rolloutId);
      return manifest && isTold ? [this.#rollout(summary, manifest, planned)] : [];
    });
    return { from: this.#from, to: now, rollouts };
  }

  #rollout(summary: RolloutSummary, manifest: RolloutManifest, planned: Plan): ForecastRollout {
    const { rolloutId, channel, displayName, state, leftBehind } = summary;
    const { began, done, failed } = this.#timesOf(rolloutId);
    const isOpen = (name: HostName): boolean => {
      const decision = planned.hosts.get(name);
      return decision?.rolloutId === rolloutId && (decision.go !== null || decision.withheld.length > 0);
    };
    const waves = manifest.waves.map((_, wave): ForecastWave => {
      const hosts = entriesOf(manifest.hosts).flatMap(([name, entry]) => (entry.wave === wave ? [name] : []));
      const reached = hosts.filter((name) => !leftBehind.includes(name));
      // Who has converged may still be shown with something: a boot that nobody is to do, a change outside.
      const isLeft = (name: HostName): boolean => isOpen(name) && !(done.has(name) || state === 'converged');
      const isDone = reached.length > 0 && !reached.some(isLeft) && state !== 'waiting';
      const ends = reached.map((name) => done.get(name) ?? this.#from);
      return { wave, hosts, startsAt: first(hosts, began), doneAt: isDone ? (ends.sort().at(-1) ?? null) : null };
    });
    const isDone = state === 'converged';
    const ends = waves.flatMap(({ doneAt }) => doneAt ?? []);
    const { open, over } = this.#blocksOf(rolloutId);
    const standing = [...open.values()].map(({ withheld, from }): ForecastBlock => ({ withheld, from, to: null }));
    return {
      rolloutId,
      channel,
      displayName,
      state,
      waves,
      startsAt: first(began.keys(), began),
      doneAt: isDone ? (ends.sort().at(-1) ?? this.#from) : null,
      blockedBy: [...over, ...standing],
      failed: [...failed].sort(),
      leftBehind,
      waiting: entriesOf(manifest.hosts).flatMap(([host]) => {
        const decision = planned.hosts.get(host);
        return isOpen(host) && decision ? [{ host, withheld: [...decision.withheld] }] : [];
      }),
    };
  }

  #blocksOf(rolloutId: RolloutId): Blocks {
    const known = this.#blocks.get(rolloutId);
    if (known) return known;
    const blocks: Blocks = { open: new Map(), over: [] };
    this.#blocks.set(rolloutId, blocks);
    return blocks;
  }

  #timesOf(rolloutId: RolloutId): HostTimes {
    const known = this.#times.get(rolloutId);
    if (known) return known;
    const times: HostTimes = { began: new Map(), done: new Map(), failed: new Set() };
    this.#times.set(rolloutId, times);
    return times;
  }
}

function blocksByRollout(hosts: Plan['hosts']): ReadonlyMap<RolloutId, ReadonlyMap<string, Withheld>> {
  const found = new Map<RolloutId, Map<string, Withheld>>();
  for (const [name, { rolloutId, go, withheld }] of hosts) {
    if (rolloutId === null || go !== null) continue;
    const blocks = found.get(rolloutId) ?? new Map<string, Withheld>();
    found.set(rolloutId, blocks);
    for (const entry of blocksOf(name, withheld)) blocks.set(keyOf(entry), entry);
  }
  return found;
}

/** What ends at one instant is one block, though the reasons told of it get fewer as it goes on. */
function keyOf({ reason, ...entry }: Withheld): string {
  return JSON.stringify(entry.until ? entry : { ...entry, reason });
}

/** A host that soaks, or whose wave is shut, is not kept waiting by a window that is closed meanwhile. */
function blocksOf(name: HostName, withheld: readonly Withheld[]): readonly Withheld[] {
  const halted = withheld.find(({ code }) => code === 'halted');
  // For good, and for hosts of later waves too; those that failed are what halts it.
  if (halted) return halted.names?.includes(name) ? [] : [halted];
  const blocks = withheld.filter(({ code }) => !besideBlocks.has(code));
  if (blocks.some(({ code }) => !blockCodes.has(code))) return [];
  return blocks.map((entry) => (entry.code === 'local-hold' ? { ...entry, names: [name] } : entry));
}

function first(names: Iterable<HostName>, times: ReadonlyMap<HostName, Instant>): Instant | null {
  const found = [...names].flatMap((name) => times.get(name) ?? []);
  return found.sort()[0] ?? null;
}
