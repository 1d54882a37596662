import type { Go, HostPhaseName, Instant, ManifestHost, RolloutManifest } from '@nixfleet/contracts';
import { controlsPassed, mayBeMended } from './compliance-rules.ts';
import { type Facts, StoredFacts } from './facts.ts';
import { type Broken, broken } from './rule.ts';

/** A planning pass and the disk's answer, in milliseconds: what was decided just before may still be handed out. */
const settleMs = 2000;
/** Who was heard within this time is reachable for whatever control plane, in milliseconds. */
const surelyReachableMs = 100_000;
/** `rebuildSecondsMax`. */
const rebuildMs = 120_000;

interface Dispatch {
  readonly host: string;
  readonly go: Go;
  readonly manifest: RolloutManifest;
  readonly entry: ManifestHost;
  readonly nowMs: number;
  readonly now: Instant;
}

/** An honest control plane allows a start. */
export function mayDispatch(
  facts: Facts,
  { host, go, nowMs, now }: Pick<Dispatch, 'host' | 'go' | 'nowMs' | 'now'>,
): Broken {
  if (!facts.isControlPlaneHonest) return null;
  const manifest = facts.rollouts.get(go.rolloutId);
  const entry = manifest?.hosts[host as never];
  if (!manifest || !entry) return broken('S1', `${host} is told to start ${go.rolloutId}, which is not for it`);
  const dispatch = { host, go, manifest, entry, nowMs, now };
  return (
    notBraked(facts, dispatch) ??
    notHalted(facts, dispatch) ??
    notRebuilding(facts, dispatch) ??
    notAgain(facts, dispatch) ??
    wavesPromoted(facts, dispatch) ??
    controlsPassed(facts, { host, go, manifest, wave: entry.wave, nowMs }) ??
    edgesOpen(facts, dispatch) ??
    channelsBefore(facts, dispatch) ??
    finishedFirst(facts, dispatch)
  );
}

/** S4: holds, freezes, windows, the head's expiry and `observe`, of what the control plane has stored. */
function notBraked({ stored, holds, signed }: Facts, { host, go, manifest, nowMs, now }: Dispatch): Broken {
  const { channel, policy, windows, resolvedUntil } = manifest;
  const refuse = (why: string): Broken => broken('S4', `${host} is told to start on ${channel}, ${why}`);
  if (policy.mode === 'observe') return refuse('which only observes');
  if (go.reboot && policy.reboot === 'never' && !policy.reboots) return refuse('where nobody boots');
  const { release } = stored;
  const isEmergency = release !== null && signed.isEmergency(release.head.release.sha256, now);
  const isResolved = resolvedUntil === null || now <= later(resolvedUntil);
  const isOpen = isResolved && windows?.some(({ from, to }) => from <= now && now <= later(to));
  const isBoot = go.reboot === true && policy.reboot === 'immediate';
  if (windows !== null && !isOpen && !isEmergency && !isBoot) return refuse('outside its windows');
  if (release === null || nowMs - release.atMs <= settleMs) return null;
  if (later(release.head.expiresAt) < now) return refuse('under an expired head');
  for (const hash of release.head.holds) {
    const hold = holds.get(hash);
    if (hold?.channel === channel && now < hold.expiresAt) return refuse('which is on hold');
  }
  if (isEmergency) return null;
  const freezes = release.channels.get(channel)?.freezes ?? [];
  if (freezes.some(({ from, to }) => later(from) < now && now < to)) return refuse('which is frozen');
  return null;
}

/** S4, S9: more hosts failed than the rollout bears; also where the control plane has lost its state since. */
function notHalted({ stored, haltedBefore, restored }: Facts, { host, go, nowMs }: Dispatch): Broken {
  const haltedAtMs = stored.haltedAtMs.get(go.rolloutId);
  if (haltedAtMs !== undefined && nowMs - haltedAtMs > settleMs) {
    return broken('S4', `${host} is told to start ${go.rolloutId}, which is halted`);
  }
  // Nobody knows of the failure of a host that forgot it with its snapshot.
  const { failed = new Set<string>(), borne = 0 } = haltedBefore.get(go.rolloutId) ?? {};
  if ([...failed].filter((name) => !restored.has(name)).length <= borne) return null;
  return broken('S9', `${host} is told to start ${go.rolloutId}, which was halted before the state was lost`);
}

/** S9: after an empty start nothing is dispatched until everybody was heard, or the wait is over. */
function notRebuilding({ stored, ledgers }: Facts, { host, nowMs }: Dispatch): Broken {
  const { beganAtMs, heard } = stored;
  if (beganAtMs === null || nowMs - beganAtMs > rebuildMs - settleMs) return null;
  const unheard = [...ledgers.keys()].filter((name) => !heard.has(name));
  return unheard.length === 0 ? null : broken('S9', `${host} is told to start while ${unheard.join(', ')} are unheard`);
}

/** S9: neither what it converged on, nor what failed there at this attempt or a later one. */
function notAgain(facts: Facts, { host, go, entry, nowMs }: Dispatch): Broken {
  if (facts.restored.has(host) || go.reboot === true) return null;
  const { stored } = facts;
  // What does not pass its controls any more may be switched to once more, where policy says so.
  if (mayBeMended(facts, host, go)) return null;
  const isSettled = (atMs: number | undefined): boolean => atMs !== undefined && nowMs - atMs > settleMs;
  const isThere = facts.ledger(host).target?.closure === entry.closure;
  if (isThere && isSettled(stored.events.get(StoredFacts.key('converged', host, go)))) {
    return broken('S9', `${host} is told to start what it converged on`);
  }
  const failures = stored.failures.get(host) ?? [];
  const isKnown = failures.some(
    ({ closure, attempt, atMs }) => closure === entry.closure && attempt >= go.attempt && isSettled(atMs),
  );
  return isKnown ? broken('S9', `${host} is told to try again what failed there at this attempt`) : null;
}

/** S2: of the hosts of earlier waves that are surely reachable, as many as `promoteWhen` demands have converged. */
function wavesPromoted(facts: Facts, { host, go, manifest, entry, nowMs }: Dispatch): Broken {
  for (let wave = 0; wave < entry.wave; wave++) {
    const members = Object.entries(manifest.hosts).filter((found) => found[1].wave === wave);
    const done = members.filter(([name, { attempt }]) => hasConverged(facts, name, { ...go, attempt }));
    const reachable = members.filter(([name]) => isReachable(facts, name, nowMs));
    const percent = manifest.waves[wave]?.promoteWhen.convergedPercent ?? 100;
    const stays = reachable.filter(([name]) => isStillIn(facts, name, manifest));
    const need = Math.ceil((percent * stays.length) / 100);
    if (done.length < need) {
      const text = `${host} of wave ${entry.wave} is told to start with ${done.length} of ${need} of wave ${wave}`;
      return broken(
        'S2',
        text,
        members.map(([name]) => name),
      );
    }
  }
  return null;
}

/** S3: what gates this host inside its channel has converged. */
function edgesOpen(facts: Facts, { host, go, manifest }: Dispatch): Broken {
  for (const { gated, gates } of manifest.edges) {
    const entry = manifest.hosts[gates];
    if (gated !== host || !entry || !isStillIn(facts, gates, manifest)) continue;
    if (hasConverged(facts, gates, { ...go, attempt: entry.attempt })) continue;
    return broken('S3', `${host} is told to start before ${gates}, which gates it`, [gates]);
  }
  return null;
}

/** S3: of the channels before this one, everybody surely reachable has converged on what is current there. */
function channelsBefore(facts: Facts, { host, manifest, nowMs }: Dispatch): Broken {
  const { release } = facts.stored;
  if (release === null || nowMs - release.atMs <= settleMs) return null;
  for (const { channel } of manifest.after) {
    const rolloutId = release.channels.get(channel)?.rolloutId;
    const before = rolloutId === undefined ? undefined : facts.rollouts.get(rolloutId);
    if (rolloutId === undefined || !before) continue;
    for (const [name, { attempt }] of Object.entries(before.hosts)) {
      if (!isReachable(facts, name, nowMs) || hasConverged(facts, name, { rolloutId, attempt })) continue;
      return broken('S3', `${host} is told to start before ${name} of ${channel}, which goes first`, [name]);
    }
  }
  return null;
}

const finishing: ReadonlySet<HostPhaseName> = new Set(['fetching', 'activating', 'confirming', 'soaking']);

/**
 * S2: under `finish` nobody begins the newest rollout while somebody reachable is in the midst of the one before. Who converged
 * on that and boots for it is not: it has ended there.
 */
function finishedFirst(facts: Facts, { host, go, manifest, nowMs, now }: Dispatch): Broken {
  const { stored, ledgers, signed } = facts;
  const { release } = stored;
  if (release === null) return null;
  if (signed.isEmergency(release.head.release.sha256, now)) return null;
  const named = release.channels.get(manifest.channel);
  if (named?.rolloutId !== go.rolloutId || stored.begun.has(go.rolloutId)) return null;
  for (const [name, { phase, target, unconfirmed }] of ledgers) {
    if (target === null || !named.mayFinish.includes(target.rolloutId) || !finishing.has(phase)) continue;
    if (unconfirmed !== null || facts.restored.has(name) || !isReachable(facts, name, nowMs)) continue;
    const isKnown = stored.events.has(StoredFacts.key('fetching', name, target));
    if (!isKnown || stored.haltedAtMs.has(target.rolloutId) || target.trialUntil !== undefined) continue;
    if (hasConverged(facts, name, target)) continue;
    return broken('S2', `${host} is told to start ${go.rolloutId} while ${name} is at ${target.rolloutId}`, [name]);
  }
  return null;
}

function hasConverged({ stored }: Facts, host: string, go: Pick<Go, 'rolloutId' | 'attempt'>): boolean {
  return stored.events.has(StoredFacts.key('converged', host, go));
}

function isReachable({ contacts }: Facts, host: string, nowMs: number): boolean {
  const atMs = contacts.get(host);
  return atMs !== undefined && nowMs - atMs < surelyReachableMs;
}

/** It did not take part in a newer rollout of the channel. */
function isStillIn(facts: Facts, host: string, { channel, introducedIn }: RolloutManifest): boolean {
  return (facts.ledger(host).newest.get(channel) ?? 0) <= introducedIn;
}

function later(instant: Instant): Instant {
  return new Date(Date.parse(instant) + settleMs).toISOString().replace(/\.\d+Z$/, 'Z') as Instant;
}
