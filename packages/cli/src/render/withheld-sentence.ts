import type { Instant, Withheld } from '@nixfleet/contracts';
import { describeWithheld } from '@nixfleet/engine';
import { printable } from '../printable.ts';
import { timeAgo } from './time-ago.ts';

/** One sentence, with the instant at which it ends and how far that is; strangers' text is made printable. */
export function withheldSentence(withheld: Withheld, now: Instant): string {
  const { until } = withheld;
  return `${printable(describeWithheld(withheld))}${until === undefined ? '' : ` (${timeAgo(until, now)})`}`;
}
