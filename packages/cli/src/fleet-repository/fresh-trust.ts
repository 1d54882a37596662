import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CacheKey, ControlPlanePin, type FleetName, type Instant, type Random, SignerName } from '@nixfleet/contracts';
import { nodeCrypto } from '@nixfleet/contracts/node-crypto';
import {
  fileSigner,
  initTrust,
  type KeyDescription,
  newKey,
  type ReleaseOutcome,
  type TrustProposal,
} from '@nixfleet/release';

const keyNames = ['root', 'release', 'head', 'control-plane', 'control-plane-spare'] as const;

/**
 * Makes every key that a fleet begins with, in `directory`, and the trust document that names them: one signer for each
 * role, which is where a fleet of one person starts. More people and thresholds are `nixfleet trust update`.
 */
export async function freshTrust(
  directory: string,
  { fleet, now, random }: { readonly fleet: FleetName; readonly now: Instant; readonly random: Random },
): Promise<ReleaseOutcome<TrustProposal>> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const keys = new Map<string, KeyDescription>();
  for (const name of keyNames) {
    const path = join(directory, `${name}.pem`);
    keys.set(name, await newKey({ algorithm: 'ed25519', path, crypto: nodeCrypto, random }));
  }
  const keyOf = (name: (typeof keyNames)[number]): KeyDescription => {
    const key = keys.get(name);
    if (!key) throw new TypeError(`no key ${name} was made`);
    return key;
  };
  const signer = (name: 'root' | 'release' | 'head') => ({ keys: [keyOf(name).declared] });
  const role = (name: string) => ({ threshold: 1, signers: [SignerName.parse(name)] });
  const content = {
    signers: { root: signer('root'), release: signer('release'), head: signer('head') },
    roles: {
      root: role('root'),
      release: role('release'),
      head: role('head'),
      approver: { threshold: 1, emergencyThreshold: 1, signers: [] },
    },
    cacheKeys: [await newCacheKey(directory, `${fleet}-cache-1`, random)],
    controlPlanes: [
      ControlPlanePin.parse({ spkiSha256: keyOf('control-plane').keyId, offline: false }),
      ControlPlanePin.parse({ spkiSha256: keyOf('control-plane-spare').keyId, offline: true }),
    ],
  };
  const signers = [await fileSigner(join(directory, 'root.pem'), { crypto: nodeCrypto })];
  return initTrust({ crypto: nodeCrypto, fleet }, { fleet, content, now, signers });
}

/** As `nix-store --generate-binary-cache-key` writes them: name and base64, the secret one of seed and public key. */
async function newCacheKey(directory: string, name: string, random: Random): Promise<CacheKey> {
  const seed = random.bytes(32);
  const { raw } = await nodeCrypto.publicKeyOf({ algorithm: 'ed25519', seed });
  const encoded = (bytes: Uint8Array): string => `${name}:${Buffer.from(bytes).toString('base64')}`;
  await writeFile(join(directory, 'cache.sec'), encoded(Buffer.concat([seed, raw])), { mode: 0o600, flag: 'wx' });
  return CacheKey.parse(encoded(raw));
}
