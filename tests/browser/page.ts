// Bundled for the browser by verifier.test.ts: walks a releases tree with the package's own verifiers over WebCrypto.
import {
  FleetName,
  headPath,
  Instant,
  pinTrust,
  releasePath,
  type SignedBytes,
  type Verified,
  verifyFleet,
  verifyHead,
  verifyManifest,
  verifyRelease,
} from '@nixfleet/contracts';
import { type Subtle, webCrypto } from '@nixfleet/contracts/web-crypto';

/** Path to the bytes as numbers, as they come out of JSON. */
export type SerialisedTree = Readonly<Record<string, readonly number[]>>;

/** The rolloutId of every channel, or the first refusal's reason. */
export async function verifyTree(tree: SerialisedTree, now: string): Promise<Record<string, string> | string> {
  const crypto = webCrypto((globalThis as unknown as { crypto: { subtle: Subtle } }).crypto.subtle);
  const ctx = { crypto, fleet: FleetName.parse('demo') };
  const read = (path: string) => Uint8Array.from(tree[path] ?? []);
  const signed = (path: string): SignedBytes => {
    const signatures = new Map<string, Uint8Array>();
    for (const name of Object.keys(tree)) {
      const keyId = name.startsWith(`${path}.`) && name.endsWith('.sig') ? name.slice(path.length + 1, -4) : null;
      if (keyId !== null) signatures.set(keyId, read(name));
    }
    return { bytes: read(path), signatures };
  };
  try {
    const trust = need(await pinTrust(ctx, read('trust/1.json')));
    const at = Instant.parse(now);
    const head = need(await verifyHead(ctx, { trust, signed: signed(headPath), floor: null, now: at }));
    const path = releasePath(head.document.release.sha256);
    const release = need(await verifyRelease(ctx, { trust, head, signed: signed(path), floor: null, now: at }));
    need(await verifyFleet(ctx, { release, bytes: read(`fleet/${release.document.resolvedFleet.sha256}.json`) }));
    const rollouts: Record<string, string> = {};
    for (const [channel, { rolloutId }] of Object.entries(release.document.channels)) {
      const manifest = need(await verifyManifest(ctx, { release, channel, bytes: read(`rollouts/${rolloutId}.json`) }));
      rollouts[channel] = manifest.rolloutId;
    }
    return rollouts;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function need<Value>(verified: Verified<Value>): Value {
  if (!verified.ok) throw new Error(verified.reason);
  return verified.value;
}

(globalThis as unknown as { verifyTree: typeof verifyTree }).verifyTree = verifyTree;
