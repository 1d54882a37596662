import {
  type DocumentRefusalCode,
  documentBytesMax,
  lookup,
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
 * The commit that a host's closure was built from in each rollout that it ran, its pin heeded. The host signed the rolloutId, which is the hash of the manifest's
 * bytes, so the commit is as good as the host's word; whether a release ever named it is `verify rollout`'s business.
 * A manifest that is not there is left out; one with other bytes is `hash-mismatch`.
 */
export async function commitsOf(
  { ctx, place, steps }: Chain,
  host: string,
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
    const builtFrom = lookup(manifest.value.document.hosts, host)?.builtFrom;
    const commit = builtFrom === undefined ? source.commit : builtFrom;
    if (commit !== null) commits.set(rolloutId, commit);
    const made =
      commit === null
        ? 'a closure pinned as it is, from no commit that is known'
        : `made from commit ${commit} of ${source.repository}`;
    steps.push({
      document: `rollout ${displayName}`,
      sha256: rolloutId,
      statement: `bytes are those of the rollout that the host signed to have run; ${made}`,
      signers: [],
      keyIds: [],
    });
  }
  return { ok: true, value: commits };
}
