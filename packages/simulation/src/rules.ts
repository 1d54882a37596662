import type { EventOf, Instant, StorePath } from '@nixfleet/contracts';
import { type Behaviour, mayFail } from './behaviour.ts';
import { type Dispatch, type Facts, failuresBorne, StoredFacts } from './facts.ts';

/** The numbers of INVARIANTS.md. */
export type Invariant =
  | 'S1'
  | 'S2'
  | 'S3'
  | 'S4'
  | 'S5'
  | 'S6'
  | 'S7'
  | 'S8'
  | 'S9'
  | 'S10'
  | 'S11'
  | 'S12'
  | 'S13'
  | 'S14';

/** What was broken; null: nothing. */
export type Broken = {
  readonly invariant: Invariant;
  readonly text: string;
  /** Hosts that it concerns beside the one that was judged. */
  readonly others?: readonly string[];
} | null;

/** A planning pass and the way of a reply, in milliseconds: what was decided just before may still arrive. */
const settleMs = 2000;
/** From a host's look at its brakes to the event that says it starts, in milliseconds. */
const armingMs = 6000;

function broken(invariant: Invariant, text: string, others: readonly string[] = []): Broken {
  return { invariant, text, others };
}

/** S1: a closure runs. */
export function mayRun(facts: Facts, host: string, closure: StorePath, first: StorePath): Broken {
  if (closure === first) return null;
  for (const { manifest } of facts.rollouts.values())
    if (manifest.hosts[host as never]?.closure === closure) return null;
  return broken('S1', `${host} runs ${closure}, which no valid release named for it`);
}

/** S1, S2, S3, S4, S9, S12: a host writes that it starts to switch. */
export function mayStart(facts: Facts, host: string, event: EventOf<'activating'>, nowMs: number): Broken {
  const { target } = event.body;
  const rollout = facts.rollouts.get(target.rolloutId);
  const entry = rollout?.manifest.hosts[host as never];
  if (!rollout || !entry) return broken('S1', `${host} starts ${target.rolloutId}, which no release named for it`);
  const isAsSigned =
    entry.closure === target.closure &&
    entry.closureDigest === target.closureDigest &&
    entry.wave === target.wave &&
    entry.attempt === target.attempt;
  if (!isAsSigned) return broken('S1', `${host} starts something else than ${target.rolloutId} gives it`);
  return (
    wavesBefore(facts, host, event) ??
    budgetsKept(facts, host) ??
    noHoldKnown(facts, host, event, nowMs) ??
    notQuarantined(facts, host, event) ??
    notBack(facts, host, event)
  );
}

/** S2: of every earlier wave, as many hosts as the manifest demands have signed that they converged. */
function wavesBefore(facts: Facts, host: string, { body: { target } }: EventOf<'activating'>): Broken {
  const manifest = facts.rollouts.get(target.rolloutId)?.manifest;
  if (!manifest) return null;
  for (let wave = 0; wave < target.wave; wave++) {
    const members = Object.entries(manifest.hosts).filter(([, entry]) => entry.wave === wave);
    const done = members.filter(([name, entry]) => {
      const converged = facts.ledger(name).converged.get(target.rolloutId);
      return converged?.closure === entry.closure && converged.attempt === entry.attempt;
    });
    const need = Math.ceil((members.length * (manifest.waves[wave]?.promoteWhen.receiptsPercent ?? 100)) / 100);
    if (done.length < need) {
      return broken(
        'S2',
        `${host} of wave ${target.wave} starts with ${done.length} of ${need} hosts of wave ${wave} converged`,
      );
    }
  }
  return null;
}

/** S3: hosts of a budget that are in the midst of a switch, this one among them. */
function budgetsKept(facts: Facts, host: string): Broken {
  if (!facts.isControlPlaneHonest) return null;
  const limits = new Map<string, { readonly hosts: Set<string>; readonly max: number }>();
  for (const { manifest } of facts.rollouts.values()) {
    for (const { name, hosts, maxInFlight } of manifest.budgets)
      limits.set(name, { hosts: new Set(hosts), max: maxInFlight });
  }
  for (const [name, { hosts, max }] of limits) {
    if (!hosts.has(host)) continue;
    const busy = [...hosts].filter((other) => other === host || facts.ledger(other).isSwitching);
    if (busy.length > max) return broken('S3', `budget ${name} of ${max}: at once ${busy.join(', ')}`, busy);
  }
  return null;
}

/** S4: it knew of a hold on the channel before it looked for the last time. */
function noHoldKnown(facts: Facts, host: string, event: EventOf<'activating'>, nowMs: number): Broken {
  const { channel } = event.body.target;
  for (const [hash, sinceMs] of facts.heldSince.get(host) ?? []) {
    const hold = facts.holds.get(hash);
    if (hold?.channel === channel && event.at < hold.expiresAt && nowMs - sinceMs > armingMs) {
      return broken('S4', `${host} starts although it has read the hold of ${channel}`);
    }
  }
  return null;
}

/** S9: what failed here is not tried again at the same attempt. */
function notQuarantined(facts: Facts, host: string, { body: { target } }: EventOf<'activating'>): Broken {
  if (facts.restored.has(host)) return null;
  const before = facts
    .ledger(host)
    .failed.find(({ body }) => body.target.closure === target.closure && body.target.attempt >= target.attempt);
  return before ? broken('S9', `${host} tries ${target.closure} again at attempt ${target.attempt}`) : null;
}

/** S12: never back to a rollout that was introduced before the one it accepted last. */
function notBack(facts: Facts, host: string, { body: { target } }: EventOf<'activating'>): Broken {
  if (facts.restored.has(host)) return null;
  const { newest } = facts.ledger(host);
  const accepted = newest.get(target.channel) ?? 0;
  return target.introducedIn < accepted
    ? broken('S12', `${host} goes back to a rollout of release ${target.introducedIn} after ${accepted}`)
    : null;
}

/** S5: a host calls a closure failed. */
export function mayBeCalledFailed(host: string, event: EventOf<'failed'>, behaviour: Behaviour): Broken {
  if (mayFail(behaviour)) return null;
  const { cause, target } = event.body;
  return broken('S5', `${host} calls ${target.closure} failed (${cause}), which does nothing wrong (${behaviour})`);
}

/** S4, S9: an honest control plane allows a start. */
export function mayDispatch(facts: Facts, { host, go }: Dispatch, nowMs: number, now: Instant): Broken {
  const rollout = facts.rollouts.get(go.rolloutId);
  const entry = rollout?.manifest.hosts[host as never];
  if (!rollout || !entry) return broken('S1', `${host} is told to start ${go.rolloutId}, which is not for it`);
  const { channel } = rollout.manifest;
  const { stored } = facts;
  const head = stored.head;
  if (
    head &&
    nowMs - head.atMs > settleMs &&
    facts.holdsNamed(head.document, now).some((hold) => hold.channel === channel)
  ) {
    return broken('S4', `${host} is told to start on ${channel}, which is on hold`);
  }
  const haltedAtMs = stored.haltedAtMs.get(go.rolloutId);
  if (haltedAtMs !== undefined && nowMs - haltedAtMs > settleMs) {
    return broken('S4', `${host} is told to start ${go.rolloutId}, which is halted`);
  }
  if (facts.restored.has(host)) return null;
  const done = stored.events.get(StoredFacts.key('converged', host, go));
  if (done !== undefined && nowMs - done > settleMs && facts.ledger(host).target?.closure === entry.closure) {
    return broken('S9', `${host} is told to start what it converged on`);
  }
  const failedAt = stored.events.get(StoredFacts.key('failed', host, go));
  if (failedAt !== undefined && nowMs - failedAt > settleMs) {
    return broken('S9', `${host} is told to try again what failed there at this attempt`);
  }
  return null;
}

/** S9: after an empty start nothing is dispatched in a channel that was halted before, whoever has been heard. */
export function remembersHalt({ host, go }: Dispatch, forgotten: ReadonlySet<string>): Broken {
  return forgotten.has(go.rolloutId)
    ? broken('S9', `${host} is told to start ${go.rolloutId}, which was halted before the state was lost`)
    : null;
}

/** Whether more hosts failed than the rollout bears. */
export function isHalted(facts: Facts, rolloutId: string, failed: number): boolean {
  const rollout = facts.rollouts.get(rolloutId);
  return rollout !== undefined && failed > failuresBorne(rollout.manifest);
}
