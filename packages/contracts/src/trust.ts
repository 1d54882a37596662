import { z } from 'zod';
import { envelope } from './document.ts';
import { Instant } from './instant.ts';
import { ChannelName, Sha256Hex, SignerName } from './names.ts';

const base64 = z.string().regex(/^[A-Za-z0-9+/]+={0,2}$/, 'expected standard base64');

/** A declared key. `public` is base64 of the raw key: 32 bytes (ed25519), 64 bytes X‖Y (ecdsa-p256). */
export const DeclaredKey = z.discriminatedUnion('algorithm', [
  z.object({ algorithm: z.literal('ed25519'), public: base64.length(44) }),
  z.object({ algorithm: z.literal('ecdsa-p256'), public: base64.length(88) }),
  z.object({
    algorithm: z.literal('sk-ssh-ed25519'),
    public: base64.length(44),
    /** The FIDO application, hashed into every signature (PROTOCOL.u2f of OpenSSH). */
    application: z.string().min(1).max(256),
  }),
]);
export type DeclaredKey = z.infer<typeof DeclaredKey>;

const threshold = z.int().min(1).max(32);
const signerNames = z.array(SignerName).min(1).max(32);

/** One Nix cache key: `<name>:<base64 of 32 bytes>`, as in `trusted-public-keys`. */
export const CacheKey = z
  .string()
  .regex(/^[A-Za-z0-9._-]{1,128}:[A-Za-z0-9+/]{43}=$/, 'expected a Nix public key, name:base64');
export type CacheKey = z.infer<typeof CacheKey>;

/** A server key that agents and operators accept: SHA-256 of its SubjectPublicKeyInfo. */
export const ControlPlanePin = z.object({
  spkiSha256: Sha256Hex,
  /** True for the spare whose private half is kept offline, so that a stolen server key can be replaced. */
  offline: z.boolean(),
});
export type ControlPlanePin = z.infer<typeof ControlPlanePin>;

/**
 * Version n of the trust chain, `trust/<n>.json`: who may sign what (design §3).
 * Version n+1 is signed to the root thresholds of n and of n+1 (TUF specification §5.3.3).
 */
export const TrustDocument = z.object({
  ...envelope('trust'),
  version: z.int().min(1).max(1_000_000),
  signedAt: Instant,
  signers: z.record(SignerName, z.object({ keys: z.array(DeclaredKey).min(1).max(8) })),
  roles: z.object({
    root: z.object({ threshold, signers: signerNames }),
    release: z.object({
      threshold,
      signers: signerNames,
      /** Channels that demand more signers than `threshold`; a smaller number here is refused. */
      channels: z.record(ChannelName, z.object({ threshold })).optional(),
    }),
    head: z.object({ threshold, signers: signerNames }),
    approver: z.object({
      /** Approvals that a hold needs. */
      threshold,
      /** Approvals that let an emergency release pass windows and freezes. */
      emergencyThreshold: threshold,
      signers: z.array(SignerName).max(32),
    }),
  }),
  cacheKeys: z.array(CacheKey).min(1).max(16),
  controlPlanes: z.array(ControlPlanePin).min(2).max(16),
});
export type TrustDocument = z.infer<typeof TrustDocument>;
export type RoleName = keyof TrustDocument['roles'];
