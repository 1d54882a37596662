import {
  entriesOf,
  type HostName,
  type Instant,
  instantToMs,
  type StaticReport,
  type WaiverDocument,
} from '@nixfleet/contracts';
import { waiverEndsWithinDays } from './verify-waiver.ts';

/** A waiver that a static report rests on. */
export interface WaiverInUse {
  readonly waiver: WaiverDocument;
  /** Where its rule fails, or a mode is weakened by it; sorted. */
  readonly hosts: readonly HostName[];
  /** Whether a release is stopped once it has run out. */
  readonly isEnforced: boolean;
}

/** The waivers that a report rests on, the first one to end first. `waivers`: those of its register that count. */
export function waiversInUse(
  report: Pick<StaticReport, 'hosts'>,
  waivers: readonly WaiverDocument[],
): readonly WaiverInUse[] {
  const found = waivers.flatMap((waiver): WaiverInUse[] => {
    const hosts: HostName[] = [];
    let isEnforced = false;
    for (const [host, { controls, weakened = [] }] of entriesOf(report.hosts)) {
      const covered = controls.filter(({ rules }) => rules.some(({ waiverId }) => waiverId === waiver.id));
      const modes = weakened.filter((weaker) => weaker.waiver === waiver.id);
      const stopping = [...covered.map(({ mode }) => mode), ...modes.map(({ wider }) => wider)];
      if (stopping.length === 0) continue;
      hosts.push(host);
      isEnforced ||= stopping.includes('enforce');
    }
    return hosts.length === 0 ? [] : [{ waiver, hosts: hosts.sort(), isEnforced }];
  });
  return found.sort((left, right) => (left.waiver.expiresAt < right.waiver.expiresAt ? -1 : 1));
}

/** A waiver in use that ends soon, or has run out. */
export interface EndingWaiver extends WaiverInUse {
  /** The nearest of `waiverWarningDays`. */
  readonly withinDays: number;
  /** Whole days that are left; negative once it has run out. */
  readonly daysLeft: number;
}

/** Those of `waiversInUse` that end within the first of `waiverWarningDays`. */
export function endingWaivers(inUse: readonly WaiverInUse[], now: Instant): readonly EndingWaiver[] {
  return inUse.flatMap((one) => {
    const withinDays = waiverEndsWithinDays(one.waiver, now);
    const left = (instantToMs(one.waiver.expiresAt) - instantToMs(now)) / 86_400_000;
    const daysLeft = left > 0 ? Math.floor(left) : Math.ceil(left) - 1;
    return withinDays === null ? [] : [{ ...one, withinDays, daysLeft }];
  });
}
