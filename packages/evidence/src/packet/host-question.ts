import {
  type ChannelName,
  type Commit,
  type ComplianceMode,
  type DrillRecord,
  entriesOf,
  type FleetDocument,
  type HostName,
  latest,
  lookup,
  type RolloutId,
  type Sha256Hex,
  type TagName,
} from '@nixfleet/contracts';
import type { KeyOfRecord } from '../verify-evidence.ts';
import type { VerifiedWaiver } from '../verify-waiver.ts';
import { type HistoricRelease, keysOfRecord } from './historic-release.ts';
import { overlapOf, type Period } from './period.ts';

/** What one verified release says of one host. */
export interface HostRelease {
  readonly releaseId: Sha256Hex;
  readonly commit: Commit;
  readonly channels: readonly {
    readonly channel: ChannelName;
    readonly rolloutId: RolloutId;
    readonly mayFinish: readonly RolloutId[];
  }[];
  /** Null where the release does not have the host. */
  readonly tags: readonly TagName[] | null;
  /** Of the static report; null where it says nothing of the host. */
  readonly catalogueSha256: Sha256Hex | null;
  readonly waiverRegister: Sha256Hex | null;
  readonly waivers: readonly Pick<VerifiedWaiver, 'document'>[];
}

/** All that verifying one host takes beside the packet. Plain data, so that it can go to another thread. */
export interface HostQuestion {
  readonly host: HostName;
  readonly period: Period;
  readonly keys: readonly KeyOfRecord[];
  /** Times of the period in which it is to collect, in order and apart; none where it never is. */
  readonly asked: readonly Period[];
  /** In the order of their versions. */
  readonly releases: readonly HostRelease[];
  /** Of the packet, by an approver; whether they name the host is for its journal to be asked. */
  readonly drills: readonly DrillRecord[];
}

/** What releases say of one host. */
export function hostQuestion(
  host: HostName,
  period: Period,
  { releases, drills }: { readonly releases: readonly HistoricRelease[]; readonly drills: readonly DrillRecord[] },
): HostQuestion {
  return {
    host,
    period,
    asked: timesAsked(host, period, releases),
    keys: keysOfRecord(releases, host),
    drills,
    releases: releases.map(({ releaseId, document, fleet, report, waivers }) => ({
      releaseId,
      commit: document.source.commit,
      channels: entriesOf(document.channels).map(([channel, { rolloutId, mayFinish }]) => ({
        channel,
        rolloutId,
        mayFinish,
      })),
      tags: lookup(fleet.hosts, host)?.tags ?? null,
      catalogueSha256: (report && lookup(report.hosts, host)?.catalogue?.sha256) ?? null,
      waiverRegister: document.waiverRegister?.sha256 ?? null,
      waivers: waivers.map((waiver) => ({ document: waiver.document })),
    })),
  };
}

/**
 * A host is to collect while the newest release has it, in a channel where anything is measured: one that joins, leaves or is
 * measured later has no gap for the rest. Of a host that no release of the packet has, nothing is known: it is asked throughout.
 */
function timesAsked(host: HostName, period: Period, releases: readonly HistoricRelease[]): readonly Period[] {
  if (releases.every(({ fleet }) => lookup(fleet.hosts, host) === undefined)) return [period];
  const times: Period[] = [];
  const first = releases[0]?.document;
  // Whatever the first one that is here says: the one before it is not here to be asked.
  if (first && first.version > 1 && first.createdAt > period.from)
    times.push({ from: period.from, to: first.createdAt < period.to ? first.createdAt : period.to });
  for (const [i, { document, fleet }] of releases.entries()) {
    const newest = { from: document.createdAt, to: releases[i + 1]?.document.createdAt ?? period.to };
    const time = overlapOf(newest, period);
    if (time === null || modeOf(fleet, host) === 'disabled') continue;
    const last = times.at(-1);
    if (last && time.from <= last.to) times[times.length - 1] = { from: last.from, to: latest(last.to, time.to) };
    else times.push(time);
  }
  return times;
}

function modeOf({ hosts, channels }: FleetDocument, host: HostName): ComplianceMode {
  const channel = lookup(hosts, host)?.channel;
  if (channel === undefined) return 'disabled';
  return lookup(channels, channel)?.policy.compliance.mode ?? 'enforce';
}
