import {
  type HostName,
  type Instant,
  lookup,
  msToInstant,
  type VerifyContext,
  type Withheld,
} from '@nixfleet/contracts';
import { channelBrakes } from '@nixfleet/engine';
import { findHolds } from './find-holds.ts';
import type { Snapshot } from './publish.ts';
import type { TrustChain, VerifiedTree } from './read-release.ts';

/** What stands on the channel of a host now and ends no sooner than the trial there: the host would never begin it. */
export async function brakesOverTrial(
  ctx: VerifyContext,
  {
    previous,
    snapshot,
    chain,
  }: { readonly previous: VerifiedTree; readonly snapshot: Snapshot; readonly chain: TrustChain },
  { host, expiresAt, nowMs }: { readonly host: HostName; readonly expiresAt: Instant; readonly nowMs: number },
): Promise<readonly Withheld[]> {
  const now = msToInstant(nowMs);
  const channel = lookup(previous.fleet.document.hosts, host)?.channel ?? '';
  const manifest = previous.manifests.get(channel)?.document;
  // Those of `holds/`, and not those of the last head: the head that names the trial names them too.
  const { holds } = await findHolds(ctx, { tree: snapshot.tree, chain, now });
  const active = [...holds.values()].flatMap(({ kind, document }) => (kind === 'active' && document ? [document] : []));
  const standing = channelBrakes(
    channel,
    {
      holds: active,
      freezes: lookup(previous.release.document.channels, channel)?.freezes ?? [],
      windows: manifest?.windows ?? null,
      resolvedUntil: manifest?.resolvedUntil ?? null,
      // A new head goes with every release, and no trial is published under an emergency.
      ...{ headExpiresAt: expiresAt, isEmergency: false },
    },
    now,
  );
  return standing.filter(({ until }) => until === undefined || expiresAt <= until);
}
