import type {
  EventOf,
  HostTarget,
  Instant,
  Interval,
  ManifestHost,
  ReleaseDocument,
  RolloutManifest,
} from '@nixfleet/contracts';
import { notLapsed } from './compliance-rules.ts';
import type { Facts } from './facts.ts';
import { type Broken, broken } from './rule.ts';

/** From a host's last look at its brakes to the event that says it starts, in milliseconds: what came between may pass. */
const armingMs = 6000;
/** The same from the reply that permitted it: a bad line may keep that for its longest way. */
const toldMs = 20_000;

/** From the last answer until a host may take it that nobody answers, and a little less, in milliseconds. */
const unansweredMs = 55_000;

/** How far a head may be signed ahead of a host's clock, and a little more, in milliseconds (design §4). */
const aheadMs = 310_000;

export interface Start {
  readonly host: string;
  readonly event: EventOf<'activating'> | EventOf<'rebooting'>;
  readonly manifest: RolloutManifest;
  readonly nowMs: number;
}

/** A host writes that it starts to switch, or that it goes down for a boot. */
export function mayStart(facts: Facts, host: string, event: Start['event'], nowMs: number): Broken {
  const { target } = event.body;
  const manifest = facts.rollouts.get(target.rolloutId);
  const entry = manifest?.hosts[host as never];
  if (!manifest || !entry) return broken('S1', `${host} starts ${target.rolloutId}, which no release named for it`);
  if (!isAsSigned(entry, target)) {
    return broken('S1', `${host} starts something else than ${target.rolloutId} gives it`);
  }
  const start = { host, event, manifest, nowMs };
  return (
    isNamed(facts, host, event.body.target) ??
    (isOnItsOwn(facts, start) ? timeHasCome(start) : permitted(facts, start)) ??
    notHeld(facts, start) ??
    mayBoot(start) ??
    mayTry(facts, start) ??
    notQuarantined(facts, start) ??
    notBack(facts, start)
  );
}

/** What a control plane permits, as far as its word is needed. */
function permitted(facts: Facts, start: Start): Broken {
  return wavesBefore(facts, start) ?? budgetsKept(facts, start) ?? justTold(facts, start);
}

/** Nobody answers, and the manifest lets hosts start by themselves then, from a time that it says for each wave. */
function isOnItsOwn(facts: Facts, { host, manifest: { policy }, nowMs }: Start): boolean {
  const answeredAtMs = facts.answers.get(host) ?? Number.NEGATIVE_INFINITY;
  return policy.withoutControlPlane === 'timed' && policy.confirm.by === 'local' && nowMs - answeredAtMs > unansweredMs;
}

function timeHasCome({ host, event: { at, body }, manifest }: Start): Broken {
  const { notBefore } = manifest.waves[body.target.wave] ?? {};
  if (notBefore !== undefined && notBefore <= at) return null;
  return broken('S4', `${host} starts by itself at ${at}, and its wave may from ${notBefore ?? 'never'} on`);
}

export function isAsSigned(entry: ManifestHost, target: HostTarget): boolean {
  return (
    entry.closure === target.closure &&
    entry.closureDigest === target.closureDigest &&
    entry.wave === target.wave &&
    entry.attempt === target.attempt
  );
}

/** As its journal says or its disk: power may fail between the floor that is raised and the event that tells of it. */
function newestOf(facts: Facts, host: string): ReleaseDocument | undefined {
  const told = facts.signed.releases.get(facts.ledger(host).accepted.at(-1)?.release.sha256 ?? '');
  const kept = facts.signed.releases.get(facts.knowledge(host).releaseKept ?? '');
  return kept && (!told || told.version < kept.version) ? kept : told;
}

/** S1: the newest release that the host has accepted names the rollout, as current or as one that may finish. */
export function isNamed(facts: Facts, host: string, { rolloutId, channel }: HostTarget): Broken {
  const release = newestOf(facts, host);
  if (!release) return null;
  const { version } = facts.ledger(host).trusts.at(-1) ?? { version: 1 };
  if (release.trustVersion < version) {
    return broken('S15', `${host} starts what was signed under trust ${release.trustVersion}, and has read ${version}`);
  }
  const declared = facts.signed.fleets.get(release.resolvedFleet.sha256)?.hosts[host as never]?.pubkeys ?? [];
  if (!declared.includes(facts.publicLines.get(host) ?? '')) {
    return broken('S1', `${host} starts ${rolloutId}, and release ${release.version} declares another key for it`);
  }
  const current = release.channels[channel as never];
  const trial = release.trials?.[host as never];
  if (current?.rolloutId === rolloutId || current?.mayFinish.includes(rolloutId) || trial?.rolloutId === rolloutId) {
    return null;
  }
  return broken('S1', `${host} starts ${rolloutId}, which release ${release.version} does not name for ${channel}`);
}

/** S2: of every earlier wave, as many hosts as the manifest demands have signed that they converged. */
function wavesBefore(facts: Facts, { host, event, manifest }: Start): Broken {
  const { target } = event.body;
  for (let wave = 0; wave < target.wave; wave++) {
    const members = Object.entries(manifest.hosts).filter(([, entry]) => entry.wave === wave);
    const done = members.filter(([name, entry]) => {
      const converged = facts.ledger(name).converged.get(target.rolloutId);
      return converged?.closure === entry.closure && converged.attempt === entry.attempt;
    });
    const need = Math.ceil((members.length * (manifest.waves[wave]?.promoteWhen.receiptsPercent ?? 100)) / 100);
    if (done.length >= need) continue;
    const text = `${host} of wave ${target.wave} starts with ${done.length} of ${need} hosts of wave ${wave} converged`;
    return broken('S2', text);
  }
  return null;
}

/** S3: hosts of a budget that are in the midst of a switch, this one among them. */
function budgetsKept(facts: Facts, { host }: Start): Broken {
  if (!facts.isControlPlaneHonest) return null;
  for (const [name, { hosts, max }] of facts.budgets) {
    if (!hosts.has(host)) continue;
    const busy = [...hosts].filter((other) => other === host || facts.ledger(other).isSwitching);
    if (busy.length > max) return broken('S3', `budget ${name} of ${max}: at once ${busy.join(', ')}`, busy);
  }
  return null;
}

/** S4: nothing stood against it that the host knew of when it looked for the last time. */
function notHeld(facts: Facts, { host, event, manifest, nowMs }: Start): Broken {
  const { at } = event;
  const { channel, policy, windows, resolvedUntil } = manifest;
  const known = facts.knowledge(host);
  for (const [hash, sinceMs] of known.holds) {
    const hold = facts.holds.get(hash);
    if (hold?.channel === channel && at < hold.expiresAt && nowMs - sinceMs > armingMs) {
      return broken('S4', `${host} starts although it has read the hold of ${channel}`);
    }
  }
  if (known.headShownSignedMs - nowMs > aheadMs)
    return broken('S4', `${host} starts although its head is minutes ahead of its clock`);
  if (known.unsafeSinceMs !== null && nowMs - known.unsafeSinceMs > armingMs) {
    return broken('S4', `${host} starts although its Nix takes unsigned paths`);
  }
  if (known.headExpiresAt !== null && isPast(known.headExpiresAt, at)) {
    return broken('S4', `${host} starts at ${at} under a head that expired at ${known.headExpiresAt}`);
  }
  if (known.locallyHeldSinceMs !== null && nowMs - known.locallyHeldSinceMs > armingMs) {
    return broken('S4', `${host} starts although it is held locally`);
  }
  if (known.unsynchronisedSinceMs !== null && nowMs - known.unsynchronisedSinceMs > armingMs) {
    return broken('S4', `${host} starts although its clock is not synchronised`);
  }
  if (policy.drift === 'hold' && known.changedTo !== null && known.changedTo !== event.body.target.closure) {
    return broken('S4', `${host} starts although somebody has changed it, and ${channel} is to hold then`);
  }
  if (policy.mode === 'observe') return broken('S4', `${host} starts on ${channel}, which only observes`);
  const lapsed = notLapsed(facts, { host, at, policy, channel });
  if (lapsed) return lapsed;
  const accepted = facts.ledger(host).accepted.at(-1);
  const sha256 = accepted?.release.sha256 ?? '';
  if (facts.signed.isEmergency(sha256, at)) return null;
  const freezes = facts.signed.releases.get(sha256)?.channels[channel as never]?.freezes ?? [];
  const isKnown = accepted !== undefined && Date.parse(at) - Date.parse(accepted.at) > armingMs;
  if (isKnown && freezes.some(({ from, to }) => isPast(from, at) && at < to)) {
    return broken('S4', `${host} starts at ${at}, in a freeze of ${channel} that it has read`);
  }
  if (event.kind === 'rebooting' && policy.reboot === 'immediate') return null;
  const isResolved = resolvedUntil === null || !isPast(resolvedUntil, at);
  if (windows !== null && !(isResolved && windows.some((window) => isInside(window, at)))) {
    return broken('S4', `${host} starts at ${at}, outside the windows of ${channel}`);
  }
  return null;
}

/** S18: a trial begins once, in its time, from what was confirmed. */
function mayTry(facts: Facts, { host, event }: Start): Broken {
  const { trialUntil, rolloutId } = event.body.target;
  if (trialUntil === undefined || facts.restored.has(host)) return null;
  if (isPast(trialUntil, event.at))
    return broken('S18', `${host} begins a trial at ${event.at}, which ended at ${trialUntil}`);
  const isAgain = facts.ledger(host).trials.includes(rolloutId);
  return isAgain ? broken('S18', `${host} begins the trial ${rolloutId} again`) : null;
}

/** S4: it boots where policy lets it boot for what waits for that, or for a `reboots` that was raised. */
function mayBoot({ host, event, manifest }: Start): Broken {
  if (event.kind !== 'rebooting' || manifest.policy.reboot !== 'never' || (manifest.policy.reboots ?? 0) > 0)
    return null;
  return broken('S4', `${host} boots, and ${manifest.channel} never does`);
}

/** S4: the control plane permitted it a moment ago, so that a halt of the meantime would have stopped it. */
function justTold(facts: Facts, { host, event, nowMs }: Start): Broken {
  const { rolloutId } = event.body.target;
  const toldAtMs = facts.knowledge(host).toldAtMs.get(rolloutId);
  if (toldAtMs !== undefined && nowMs - toldAtMs <= toldMs) return null;
  return broken('S4', `${host} starts ${rolloutId} without having been told so a moment ago`);
}

/** S9: what failed here is not tried again at the same attempt. */
function notQuarantined(facts: Facts, { host, event }: Start): Broken {
  if (facts.restored.has(host)) return null;
  const { closure, attempt } = event.body.target;
  const isKnown = facts
    .ledger(host)
    .failed.some(({ body: { target } }) => target.closure === closure && target.attempt >= attempt);
  return isKnown ? broken('S9', `${host} tries ${closure} again at attempt ${attempt}`) : null;
}

/** S12: never back to a rollout that was introduced before the one it accepted last. */
function notBack(facts: Facts, { host, event }: Start): Broken {
  if (facts.restored.has(host)) return null;
  const { channel, introducedIn } = event.body.target;
  const accepted = facts.ledger(host).newest.get(channel) ?? 0;
  if (introducedIn >= accepted) return null;
  return broken('S12', `${host} goes back to a rollout of release ${introducedIn} after ${accepted}`);
}

/** By more than a host may take between its look and its start. */
function isPast(limit: Instant, at: Instant): boolean {
  return Date.parse(at) - Date.parse(limit) > armingMs;
}

function isInside({ from, to }: Interval, at: Instant): boolean {
  return from <= at && !isPast(to, at);
}
