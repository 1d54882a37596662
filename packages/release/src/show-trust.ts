import { entriesOf, type RoleName, type TrustState } from '@nixfleet/contracts';

/** A trust version for people and for `--json`. */
export interface TrustSummary {
  readonly fleet: string;
  readonly version: number;
  readonly sha256: string;
  readonly signedAt: string;
  readonly roles: readonly {
    readonly role: RoleName;
    readonly threshold: number;
    readonly signers: readonly string[];
  }[];
  /** Release thresholds above the role's, by channel. */
  readonly channels: readonly { readonly channel: string; readonly threshold: number }[];
  readonly emergencyThreshold: number;
  readonly signers: readonly {
    readonly name: string;
    readonly keys: readonly { readonly keyId: string; readonly algorithm: string }[];
  }[];
  readonly cacheKeys: readonly string[];
  readonly controlPlanes: readonly { readonly spkiSha256: string; readonly offline: boolean }[];
}

export function showTrust({ document, sha256, keys }: TrustState): TrustSummary {
  const { fleet, version, signedAt, roles, signers, cacheKeys, controlPlanes } = document;
  const keysOf = (name: string) =>
    [...keys]
      .filter(([, { signer }]) => signer === name)
      .map(([keyId, { key }]) => ({ keyId, algorithm: key.algorithm }));
  return {
    fleet,
    version,
    sha256,
    signedAt,
    roles: (['root', 'release', 'head', 'approver'] as const).map((role) => ({
      role,
      threshold: roles[role].threshold,
      signers: roles[role].signers,
    })),
    channels: entriesOf(roles.release.channels ?? {}).map(([channel, { threshold }]) => ({ channel, threshold })),
    emergencyThreshold: roles.approver.emergencyThreshold,
    signers: entriesOf(signers).map(([name]) => ({ name, keys: keysOf(name) })),
    cacheKeys,
    controlPlanes,
  };
}
