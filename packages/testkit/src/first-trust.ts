import { type FleetName, type Instant, TrustDocument, type VerifyContext } from '@nixfleet/contracts';
import { testKey } from './test-key.ts';

/** Version 1 of a test fleet's trust; the key of every signer has the signer's name as its label. */
export async function firstTrust(fleet: {
  readonly name: FleetName;
  readonly now: Instant;
  readonly ctx: VerifyContext;
}): Promise<TrustDocument> {
  const names = ['root-1', 'root-2', 'root-3', 'ci', 'ci-spare', 'ci-head', 'alice', 'bob'];
  const keyOf = (label: string) => testKey(label, 'ed25519', fleet.ctx.crypto);
  const signers = [];
  for (const name of names) signers.push([name, { keys: [(await keyOf(name)).declared] }]);
  return TrustDocument.parse({
    type: 'trust',
    fleet: fleet.name,
    schemaVersion: 1,
    version: 1,
    signedAt: fleet.now,
    signers: Object.fromEntries(signers),
    roles: {
      root: { threshold: 2, signers: ['root-1', 'root-2', 'root-3'] },
      release: { threshold: 1, signers: ['ci', 'ci-spare'] },
      head: { threshold: 1, signers: ['ci-head'] },
      approver: { threshold: 1, emergencyThreshold: 2, signers: ['alice', 'bob'] },
    },
    cacheKeys: [`cache.example.org-1:${Buffer.alloc(32, 7).toString('base64')}`],
    controlPlanes: [
      { spkiSha256: (await keyOf('control-plane')).keyId, offline: false },
      { spkiSha256: (await keyOf('control-plane-spare')).keyId, offline: true },
    ],
  });
}
