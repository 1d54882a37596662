import {
  type ChannelName,
  type DocumentRefusalCode,
  documentBytesMax,
  entriesOf,
  type Refusal,
  type RolloutId,
  refuse,
  rolloutPath,
  type VerifiedManifest,
  type VerifiedRelease,
  verifyManifest,
} from '@nixfleet/contracts';
import { printable } from '../printable.ts';
import { plural } from '../render/plural.ts';
import type { Chain } from './chain.ts';

export interface NamedRollout {
  readonly channel: ChannelName;
  readonly rolloutId: RolloutId;
}

/** Every rollout the release names: the current one of each channel, and those that may still finish. */
export function namedRollouts({ document }: VerifiedRelease): readonly NamedRollout[] {
  return entriesOf(document.channels).flatMap(([channel, { rolloutId, mayFinish }]) =>
    [rolloutId, ...mayFinish].map((id) => ({ channel, rolloutId: id })),
  );
}

/** One manifest, by the hash in the release. */
export async function verifyRollout(
  { ctx, place, steps }: Chain,
  release: VerifiedRelease,
  { channel, rolloutId }: NamedRollout,
): Promise<{ readonly ok: true; readonly value: VerifiedManifest } | Refusal<DocumentRefusalCode>> {
  const path = rolloutPath(rolloutId);
  const bytes = await place.read(path, documentBytesMax.rollout);
  if (!bytes) return refuse('missing', `${path} is not in ${place.name}`);
  const manifest = await verifyManifest(ctx, { release, channel, bytes, rolloutId });
  if (!manifest.ok) return manifest;
  const { document, isCurrent } = manifest.value;
  const role = isCurrent ? 'its current rollout' : 'an earlier rollout that may still finish';
  steps.push({
    document: `rollout ${printable(document.displayName)}`,
    sha256: rolloutId,
    statement:
      `bytes are those the release names for channel ${channel}, as ${role}; introduced in release ${document.introducedIn}; ` +
      `${plural(Object.keys(document.hosts).length, 'host')} in ${plural(document.waves.length, 'wave')}`,
    signers: [],
    keyIds: [],
  });
  return manifest;
}
