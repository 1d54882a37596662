import { HeadDocument } from './head.ts';
import { addSeconds, type Instant } from './instant.ts';
import type { Sha256Hex } from './names.ts';
import { parseDocument } from './parse-document.ts';
import { accept, refuse, type Verified } from './refusal.ts';
import type { SignedBytes, VerifyContext } from './signed-bytes.ts';
import { countSigners, requireThreshold } from './signer-count.ts';
import type { TrustState } from './trust-keys.ts';

/** Signed further ahead of our clock than this, in seconds, a document is `future-dated`. */
export const clockSkewSecondsMax = 300;

/** The newest head accepted, and the keys that had signed it. */
export interface HeadFloor {
  readonly version: number;
  readonly sha256: Sha256Hex;
  readonly keyIds: readonly string[];
}

export interface VerifiedHead {
  readonly document: HeadDocument;
  readonly sha256: Sha256Hex;
  readonly bytes: Uint8Array;
  /** Keys of the head role whose signatures are valid; they go into the floor. */
  readonly keyIds: readonly string[];
  /** True only under `expired: 'accept'`: such a head starts no switch. */
  readonly isExpired: boolean;
}

/**
 * Order, and what each check stops:
 * 1. size, canonical form, type, fleet, schema version, requirements, shape;
 * 2. the head role's threshold: arbitrary documents;
 * 3. a life that ends after it starts, holds sorted and named once (`invalid`);
 * 4. floor: rollback (lower version), `equivocation` (same version, other bytes). The floor counts while one of the
 *    keys that signed it is still a key of the head role: whoever stole a head key could have burnt the version
 *    numbers (TUF's fast-forward attack), and replacing the key in trust recovers from that;
 * 5. signed more than `clockSkewSecondsMax` ahead of `now`: a wrong clock here or there, so expiry cannot be judged;
 * 6. expiry: freeze. With `expired: 'accept'` the head is returned with `isExpired`, for reporting and for holds.
 */
export async function verifyHead(
  ctx: VerifyContext,
  input: {
    readonly trust: TrustState;
    readonly signed: SignedBytes;
    /** Null before the first head. */
    readonly floor: HeadFloor | null;
    readonly now: Instant;
    /** Default `refuse`. */
    readonly expired?: 'refuse' | 'accept';
  },
): Promise<Verified<VerifiedHead>> {
  const { trust, signed, now } = input;
  const parsed = await parseDocument(ctx, { type: 'head', schema: HeadDocument }, signed.bytes);
  if (!parsed.ok) return parsed;
  const { document, sha256, bytes } = parsed.value;
  const { head: role } = trust.document.roles;
  const count = requireThreshold(await countSigners(ctx, trust, role.signers, signed), role.threshold, 'the head role');
  if (!count.ok) return refuse(count.reason, `head ${document.version}: ${count.detail}`);

  if (document.expiresAt <= document.signedAt) {
    return refuse('invalid', `head ${document.version}: expires at ${document.expiresAt}, before it was signed`);
  }
  if (document.holds.some((hold, i) => i > 0 && hold <= (document.holds[i - 1] ?? ''))) {
    return refuse('invalid', `head ${document.version}: holds are not sorted, or one is named twice`);
  }
  const floor = input.floor && isFloorInForce(trust, input.floor) ? input.floor : null;
  if (floor && document.version < floor.version) {
    return refuse('rolled-back', `head ${document.version}: version ${floor.version} was already accepted`);
  }
  if (floor && document.version === floor.version && sha256 !== floor.sha256) {
    return refuse('equivocation', `head ${document.version}: ${sha256}, but ${floor.sha256} was accepted`);
  }
  if (document.signedAt > addSeconds(now, clockSkewSecondsMax)) {
    return refuse('future-dated', `head ${document.version}: signed at ${document.signedAt}, and now is ${now}`);
  }
  const isExpired = document.expiresAt <= now;
  if (isExpired && input.expired !== 'accept') {
    return refuse('expired', `head ${document.version}: expired at ${document.expiresAt}, and now is ${now}`);
  }
  return accept({ document, sha256, bytes, keyIds: count.value.keyIds, isExpired });
}

/** What to persist once a head was accepted. */
export function headFloorOf(head: VerifiedHead): HeadFloor {
  return { version: head.document.version, sha256: head.sha256, keyIds: head.keyIds };
}

function isFloorInForce(trust: TrustState, floor: HeadFloor): boolean {
  const signers = new Set(trust.document.roles.head.signers);
  return floor.keyIds.some((keyId) => {
    const known = trust.keys.get(keyId);
    return known !== undefined && signers.has(known.signer);
  });
}
