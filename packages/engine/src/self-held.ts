import type { HostPhase, HostState, Instant, RolloutId, Withheld, WithheldCode } from '@nixfleet/contracts';

/** Reasons that only the host itself can know: while it reports one, a go would take a slot for nothing. */
const hostsOwnCodes: ReadonlySet<WithheldCode> = new Set([
  'clock-unsynchronised',
  'head-from-the-future',
  'floor-lost',
  'drift',
  'compliance',
]);

/** What keeps the host from starting `rolloutId`, by its own journal; null if nothing does. */
export function selfHeld(
  { phase, retry, localHold, withheld }: HostState,
  {
    rolloutId,
    mayReboot,
    now,
  }: {
    readonly rolloutId: RolloutId;
    /** It may be told to boot for what waits for a boot. */
    readonly mayReboot: boolean;
    readonly now: Instant;
  },
): Withheld | null {
  if (phase.name === 'deferred' && phase.target.rolloutId === rolloutId && !mayReboot) {
    return { code: 'reboot-needed', reason: phase.component };
  }
  if (phase.name === 'refused' && phase.target.rolloutId === rolloutId) {
    const refusal = refusalOf(phase, now);
    // An older journal does not tell for how long: then it is let go at once, after everybody else.
    if (refusal.until !== undefined) return refusal;
  }
  if (retry?.rolloutId === rolloutId && now < retry.notBefore) {
    return { code: 'retry-backoff', until: retry.notBefore, have: retry.count };
  }
  if (localHold && now < localHold.until) {
    return { code: 'local-hold', until: localHold.until, reason: localHold.reason };
  }
  return withheld && hostsOwnCodes.has(withheld.code) ? withheld : null;
}

/** What a host refused, in its own words, and when it tries again. */
export function refusalOf(phase: Extract<HostPhase, { name: 'refused' }>, now: Instant): Withheld {
  const { reason: refusal, detail, retryNotBefore } = phase;
  const until = retryNotBefore !== undefined && now < retryNotBefore ? { until: retryNotBefore } : {};
  return { code: 'refused', ...until, refusal, ...(detail && { reason: detail }) };
}
