import type { EmergencyView, Instant } from '@nixfleet/contracts';
import { printable } from '../printable.ts';
import { timeAgo } from './time-ago.ts';

/** What an emergency in force does, why, and until when; its reason is made printable. */
export function emergencyLine({ reason, expiresAt }: EmergencyView, now: Instant): string {
  return `passes change windows and freezes (${printable(reason)}), until ${expiresAt} (${timeAgo(expiresAt, now)})`;
}
