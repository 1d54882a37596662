import { type FleetDocument, type Instant, lookup, type Trial, trialsAt } from '@nixfleet/contracts';
import type { VerifiedTree } from './read-release.ts';

/** Trials that go on under the next release: not run out, and of hosts that are still in their channel. */
export function activeTrials(previous: VerifiedTree | null, fleet: FleetDocument, now: Instant): Record<string, Trial> {
  const trials: Record<string, Trial> = {};
  for (const [host, trial] of previous === null ? [] : trialsAt(previous.release.document, now)) {
    const channel = previous?.trials.get(host)?.manifest.document.channel;
    if (channel !== undefined && lookup(fleet.hosts, host)?.channel === channel) trials[host] = trial;
  }
  return trials;
}
