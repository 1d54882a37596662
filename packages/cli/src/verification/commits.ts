import {
  type DocumentRefusalCode,
  documentBytesMax,
  type Refusal,
  type RolloutId,
  RolloutManifest,
  readDocument,
  refuse,
  rolloutPath,
  sha256Hex,
} from '@nixfleet/contracts';
import type { Chain } from './chain.ts';
import type { RanPeriod } from './ran.ts';

/**
 * The source commit of each rollout that a host ran. The host signed the rolloutId, which is the hash of the manifest's
 * bytes, so the commit is as good as the host's word; whether a release ever named it is `verify rollout`'s business.
 * A manifest that is not there is left out; one with other bytes is `hash-mismatch`.
 */
export async function commitsOf(
  { ctx, place, steps }: Chain,
  periods: readonly RanPeriod[],
): Promise<{ readonly ok: true; readonly value: ReadonlyMap<RolloutId, string> } | Refusal<DocumentRefusalCode>> {
  const commits = new Map<RolloutId, string>();
  const ids = new Set(periods.flatMap(({ rolloutId }) => (rolloutId === null ? [] : [rolloutId])));
  for (const rolloutId of ids) {
    const bytes = await place.read(rolloutPath(rolloutId), documentBytesMax.rollout);
    if (!bytes) continue;
    const hash: string = await sha256Hex(ctx.crypto, bytes);
    if (hash !== rolloutId) return refuse('hash-mismatch', `rollout: expected ${rolloutId}, got ${hash}`);
    const manifest = readDocument(ctx.fleet, { type: 'rollout', schema: RolloutManifest }, bytes);
    if (!manifest.ok) return manifest;
    const { source, displayName } = manifest.value.document;
    commits.set(rolloutId, source.commit);
    steps.push({
      document: `rollout ${displayName}`,
      sha256: rolloutId,
      statement: `bytes are those of the rollout that the host signed to have run; made from commit ${source.commit} of ${source.repository}`,
      signers: [],
      keyIds: [],
    });
  }
  return { ok: true, value: commits };
}
