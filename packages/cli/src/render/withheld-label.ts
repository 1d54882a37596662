import type { Instant, Withheld, WithheldCode } from '@nixfleet/contracts';
import { printable } from '../printable.ts';
import { timeAgo } from './time-ago.ts';

/** A few words for a table; whole sentences are what `nixfleet why` shows. */
const labels: Readonly<Record<WithheldCode, string>> = {
  hold: 'held by an approver',
  freeze: 'freeze',
  'outside-window': 'outside its change window',
  quarantined: 'this closure failed here before',
  'head-expired': 'the head has expired',
  'no-release': 'no release yet',
  'not-in-rollout': 'in no rollout',
  rebuilding: 'control plane is rebuilding',
  'unheard-after-rebuild': 'unheard host in an earlier wave',
  halted: 'rollout halted',
  'waiting-for-rollout': 'waits for the rollout before',
  'channel-edge': 'waits for channel',
  wave: 'waits for an earlier wave',
  soak: 'earlier wave soaks',
  compliance: 'controls do not pass',
  'host-edge': 'waits for host',
  budget: 'disruption budget is used up',
  'fetch-limit': 'too many hosts fetch',
  offline: 'offline',
  observe: 'observed only',
  'retry-backoff': 'retries after a silent switch',
  refused: 'refused by the host',
  'reboot-needed': 'needs a reboot',
  drift: 'changed outside NixFleet',
  trial: 'tries another closure',
  failed: 'failed',
  'in-progress': 'in progress',
  'local-hold': 'held on the host',
  'clock-unsynchronised': 'its clock is not synchronised',
  'head-from-the-future': 'head from the future',
  'control-plane-silent': 'did not hear the control plane',
  'floor-lost': 'lost its version floors',
  'no-go': 'waits for its go',
};

/** Most names shown in a table cell. */
const namesShownMax = 3;

/** `waits for an earlier wave: web-1, web-2 (1 of 3), ends in 5 min`; strangers' text is made printable. */
export function withheldLabel(withheld: Withheld, now: Instant): string {
  const { code, names = [], have, need, reason, refusal, until } = withheld;
  const more = names.length > namesShownMax ? ` and ${names.length - namesShownMax} more` : '';
  const who = names.length === 0 ? '' : `: ${names.slice(0, namesShownMax).map(printable).join(', ')}${more}`;
  const counts = have === undefined || need === undefined ? '' : ` (${have} of ${need})`;
  const why = refusal === undefined ? '' : ` (${refusal})`;
  const end = until === undefined ? '' : `, ends ${timeAgo(until, now)}`;
  const said = reason === undefined ? '' : ` — ${printable(reason)}`;
  return `${labels[code]}${who}${counts}${why}${end}${said}`;
}
