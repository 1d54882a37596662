import type { ChannelPolicy, EventOf, Go, Instant, RolloutManifest } from '@nixfleet/contracts';
import { type Conduct, isProven } from './conduct.ts';
import { type Facts, StoredFacts } from './facts.ts';
import { type Broken, broken } from './rule.ts';

/** A planning pass and the disk's answer, in milliseconds: what was decided just before may still be handed out. */
const settleMs = 2000;
/** From a host's last look to the event that says it starts, in milliseconds. */
const armingMs = 6000;

/** S19: what a host confirms under `enforce` was measured on it since it was activated, and passed. */
export function mayConfirm(
  facts: Facts,
  host: string,
  { body: { target } }: EventOf<'confirmed'>,
  conduct: Conduct,
): Broken {
  const manifest = facts.rollouts.get(target.rolloutId);
  if (manifest?.policy.compliance.mode !== 'enforce') return null;
  if (!isProven(conduct)) return broken('S19', `${host} confirms ${target.closure}, whose controls are ${conduct}`);
  const { collected, activatedAtMs } = facts.knowledge(host);
  if (facts.restored.has(host)) return null;
  const isFresh = collected?.closure === target.closure && collected.atMs >= activatedAtMs;
  return isFresh ? null : broken('S19', `${host} confirms ${target.closure}, and nothing was measured on it since`);
}

/** S20: no host of an earlier wave fails an enforced control, failed for one in this rollout, or converged without a pass. */
export function controlsPassed(facts: Facts, { host, go, manifest, wave, nowMs }: CompliantDispatch): Broken {
  if (manifest.policy.compliance.mode !== 'enforce') return null;
  for (const [name, entry] of Object.entries(manifest.hosts)) {
    if (entry.wave >= wave || (facts.ledger(name).newest.get(manifest.channel) ?? 0) > manifest.introducedIn) continue;
    const refuse = (why: string): Broken => broken('S20', `${host} is told to start, and ${name} ${why}`, [name]);
    const { standings, failedControls, events } = facts.stored;
    const failedAtMs = failedControls.get(`${name} ${go.rolloutId}`);
    if (failedAtMs !== undefined && nowMs - failedAtMs > settleMs) return refuse('failed for its controls');
    const standing = standings.get(name);
    const isOfEntry = standing?.closure === entry.closure;
    const failingSinceMs = isOfEntry ? standing.failingSinceMs : null;
    if (failingSinceMs !== null && nowMs - failingSinceMs > settleMs) return refuse('fails an enforced control');
    const convergedAtMs = events.get(StoredFacts.key('converged', name, { ...go, attempt: entry.attempt }));
    // Put back to a snapshot it begins anew: what it converged on before counts no more.
    const hasSettled = convergedAtMs !== undefined && nowMs - convergedAtMs > settleMs && !facts.restored.has(name);
    if (hasSettled && !(isOfEntry && standing.hasPassed) && failingSinceMs === null)
      return refuse('has no pass to show');
  }
  return null;
}

export function mayBeMended({ rollouts, stored }: Facts, host: string, { rolloutId }: Go): boolean {
  const { mode, onDrift } = rollouts.get(rolloutId)?.policy.compliance ?? { mode: 'disabled' };
  const isFailing = (stored.standings.get(host)?.failingSinceMs ?? null) !== null;
  return mode === 'enforce' && onDrift === 'reactivate' && isFailing;
}

/** S4: by policy nothing starts where what passed before does not any more. */
export function notLapsed(facts: Facts, { host, at, policy, channel }: HeldStart): Broken {
  const { lapsedBefore } = facts.ledger(host);
  if (policy.compliance.mode !== 'enforce' || policy.compliance.onDrift !== 'hold' || lapsedBefore === null)
    return null;
  if (Date.parse(at) - Date.parse(lapsedBefore) <= armingMs) return null;
  return broken('S4', `${host} starts although its controls pass no more, and ${channel} is to hold then`);
}

interface HeldStart {
  readonly host: string;
  readonly at: Instant;
  readonly policy: ChannelPolicy;
  readonly channel: string;
}

export interface CompliantDispatch {
  readonly host: string;
  readonly go: Go;
  readonly manifest: RolloutManifest;
  /** Of the host that is told. */
  readonly wave: number;
  readonly nowMs: number;
}
