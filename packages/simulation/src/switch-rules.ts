import type { EventOf } from '@nixfleet/contracts';
import type { Behaviour } from './behaviour.ts';
import type { Facts } from './facts.ts';
import { type Broken, broken } from './rule.ts';
import { isAsSigned, isNamed } from './start-rules.ts';

/** What separates an instant in whole seconds from the one that was meant, in milliseconds. */
const roundingMs = 2000;
/** An answer may take its longest way, and then the fetch is written down, in milliseconds. */
const silenceMs = 60_000 + 20_000;
/** A host that refused something waits for so long at the least, in milliseconds. */
const refusedMs = 30_000;

/** A host writes that it begins to fetch: S1 and S15 for what it fetches, S3 for the fetch limit, S4 for silence, S17 for what led nowhere a moment ago. */
export function mayFetch(facts: Facts, host: string, event: EventOf<'fetching'>, nowMs: number): Broken {
  return (
    isNamed(facts, host, event.body.target) ??
    withinFetchLimit(facts, event) ??
    notInSilence(facts, host, event, nowMs) ??
    notInALoop(facts, host, event)
  );
}

function withinFetchLimit(facts: Facts, { body: { target } }: EventOf<'fetching'>): Broken {
  const manifest = facts.rollouts.get(target.rolloutId);
  const max = manifest?.policy.fetchesMax ?? null;
  if (max === null || !manifest || !facts.isControlPlaneHonest) return null;
  const busy = Object.keys(manifest.hosts).filter((name) => {
    const ledger = facts.ledger(name);
    return ledger.phase === 'fetching' && ledger.target?.rolloutId === target.rolloutId && !facts.restored.has(name);
  });
  if (busy.length <= max) return null;
  return broken('S3', `${target.channel} lets ${max} fetch at once: ${busy.join(', ')}`, busy);
}

function notInSilence(facts: Facts, host: string, { body }: EventOf<'fetching'>, nowMs: number): Broken {
  if (body.policy.confirm.by === 'local') return null;
  const atMs = facts.answers.get(host);
  if (atMs !== undefined && nowMs - atMs <= silenceMs) return null;
  return broken('S4', `${host} begins to fetch, and nobody has answered it within the last minute`);
}

function notInALoop(facts: Facts, host: string, { at, body: { target } }: EventOf<'fetching'>): Broken {
  if (facts.restored.has(host)) return null;
  const { unconfirmed, refused } = facts.ledger(host);
  if (unconfirmed?.body.target.rolloutId === target.rolloutId && at < unconfirmed.body.retryNotBefore) {
    return broken('S17', `${host} tries again at ${at}, and not after ${unconfirmed.body.retryNotBefore}`);
  }
  if (refused === null || refused.body.target.rolloutId !== target.rolloutId) return null;
  const { retryNotBefore } = refused.body;
  if (retryNotBefore !== undefined && at < retryNotBefore) {
    return broken('S17', `${host} tries again at ${at}, and not after ${retryNotBefore}`);
  }
  if (Date.parse(at) - Date.parse(refused.at) >= refusedMs - roundingMs) return null;
  return broken('S17', `${host} tries again at ${at} what it refused at ${refused.at}`);
}

/** S16: a host signs that it has converged, which lets others start. */
export function mayConverge(
  facts: Facts,
  host: string,
  { at, body: { target, switched } }: EventOf<'converged'>,
  { running, behaviour }: { readonly running: string; readonly behaviour: Behaviour },
): Broken {
  const entry = facts.rollouts.get(target.rolloutId)?.hosts[host as never];
  if (!entry || !isAsSigned(entry, target)) {
    return broken('S1', `${host} says it has converged on what ${target.rolloutId} does not give it`);
  }
  if (facts.restored.has(host) || facts.ledger(host).isReceiptRepeated) return null;
  if (running !== target.closure)
    return broken('S16', `${host} says it has converged on ${target.closure}, and runs ${running}`);
  const { confirmedAt, failing } = facts.ledger(host);
  if (failing.size > 0) return broken('S16', `${host} says it has converged while ${[...failing].join(', ')} fails`);
  if (!switched) return null;
  if (behaviour === 'sick')
    return broken('S16', `${host} says it has converged on ${target.closure}, whose probes fail`);
  const soakedMs = confirmedAt === null ? 0 : Date.parse(at) - Date.parse(confirmedAt);
  if (soakedMs >= target.soakSeconds * 1000 - roundingMs) return null;
  return broken(
    'S16',
    `${host} says it has converged ${soakedMs / 1000} s after it confirmed, of ${target.soakSeconds}`,
  );
}
