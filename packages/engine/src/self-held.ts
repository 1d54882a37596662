import {
  addSeconds,
  type HostState,
  type Instant,
  type RolloutId,
  type Withheld,
  type WithheldCode,
} from '@nixfleet/contracts';
import { refusedRetrySeconds } from './pursue.ts';

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
    const until = addSeconds(phase.at, refusedRetrySeconds);
    const { reason: refusal, detail } = phase;
    if (now < until) return { code: 'refused', until, refusal, ...(detail && { reason: detail }) };
  }
  if (retry?.rolloutId === rolloutId && now < retry.notBefore) {
    return { code: 'retry-backoff', until: retry.notBefore, have: retry.count };
  }
  if (localHold && now < localHold.until) {
    return { code: 'local-hold', until: localHold.until, reason: localHold.reason };
  }
  return withheld && hostsOwnCodes.has(withheld.code) ? withheld : null;
}
