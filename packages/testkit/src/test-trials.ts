import { type Crypto, type RolloutId, RolloutManifest, rolloutPath, sealDocument } from '@nixfleet/contracts';
import type { TestIntent } from './test-intent.ts';

/** A manifest of one host alone for each trial of the intent, with the policy of its channel, and the files they need. */
export async function sealTrials(
  crypto: Crypto,
  { trials: wanted = {}, hosts }: TestIntent,
  {
    manifests,
    version,
  }: { readonly manifests: ReadonlyMap<string, { readonly document: RolloutManifest }>; readonly version: number },
): Promise<{ readonly trials: object | null; readonly files: ReadonlyMap<string, Uint8Array> }> {
  const trials: Record<string, object> = {};
  const files = new Map<string, Uint8Array>();
  for (const [host, { real, expiresAt }] of Object.entries(wanted)) {
    const like = manifests.get(hosts[host]?.channel ?? '');
    if (!like) throw new Error(`${host} tries something, and is in no channel`);
    const trial = RolloutManifest.parse({
      ...like.document,
      introducedIn: version,
      hosts: { [host]: { wave: 0, attempt: 1, ...real } },
      waves: [{ soakSeconds: 0, promoteWhen: { convergedPercent: 100, receiptsPercent: 100 } }],
      edges: [],
      after: [],
    });
    const { sha256, bytes } = await sealDocument(crypto, trial);
    files.set(rolloutPath(sha256 as string as RolloutId), bytes);
    trials[host] = { rolloutId: sha256, bytes: bytes.length, expiresAt };
  }
  return { trials: Object.keys(trials).length > 0 ? trials : null, files };
}
