import {
  type ChannelName,
  type Commit,
  type DrillRecord,
  entriesOf,
  type HostName,
  type Instant,
  lookup,
  type RolloutId,
  type Sha256Hex,
  type TagName,
} from '@nixfleet/contracts';
import type { KeyOfRecord } from '../verify-evidence.ts';
import type { VerifiedWaiver } from '../verify-waiver.ts';
import { type HistoricRelease, keysOfRecord } from './historic-release.ts';
import { releasesInForce } from './in-force.ts';

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
  readonly period: { readonly from: Instant; readonly to: Instant };
  readonly keys: readonly KeyOfRecord[];
  /** Whether nothing is to be collected: every release in force in the period that has the host says `disabled`. */
  readonly isDisabled: boolean;
  /** In the order of their versions. */
  readonly releases: readonly HostRelease[];
  /** Of the packet, by an approver; whether they name the host is for its journal to be asked. */
  readonly drills: readonly DrillRecord[];
}

/** What releases say of one host. */
export function hostQuestion(
  host: HostName,
  { from, to }: HostQuestion['period'],
  { releases, drills }: { readonly releases: readonly HistoricRelease[]; readonly drills: readonly DrillRecord[] },
): HostQuestion {
  const modes = releasesInForce(releases, { from, to }).flatMap(({ fleet }) => {
    const channel = lookup(fleet.hosts, host)?.channel;
    return channel === undefined ? [] : (lookup(fleet.channels, channel)?.policy.compliance.mode ?? 'enforce');
  });
  return {
    host,
    period: { from, to },
    isDisabled: modes.length > 0 && modes.every((mode) => mode === 'disabled'),
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
