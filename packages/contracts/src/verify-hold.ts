import { HoldDocument, holdSecondsMax } from './hold.ts';
import { addSeconds, type Instant, latest } from './instant.ts';
import type { Sha256Hex } from './names.ts';
import { parseDocument } from './parse-document.ts';
import { accept, refuse, type Verified } from './refusal.ts';
import { sha256Hex } from './sha256.ts';
import type { SignedBytes, VerifyContext } from './signed-bytes.ts';
import { countApprovers, requireThreshold } from './signer-count.ts';
import type { TrustState } from './trust-keys.ts';
import { clockSkewSecondsMax, type VerifiedHead } from './verify-head.ts';

export interface VerifiedHold {
  readonly document: HoldDocument;
  readonly sha256: Sha256Hex;
  readonly bytes: Uint8Array;
}

/**
 * A hold that the head names. Order, and what each check stops:
 * 1. the head names its hash (`hash-mismatch`), before parsing: an old hold brought back, arbitrary data;
 * 2. the rest as `verifyUnnamedHold`, its start measured by the head as well, which was signed after it.
 */
export async function verifyHold(
  ctx: VerifyContext,
  input: {
    readonly trust: TrustState;
    readonly head: VerifiedHead;
    readonly signed: SignedBytes;
    readonly now: Instant;
  },
): Promise<Verified<VerifiedHold>> {
  const { head, signed, now } = input;
  const hash = await sha256Hex(ctx.crypto, signed.bytes);
  if (!head.document.holds.includes(hash)) return refuse('hash-mismatch', `hold ${hash}: the head does not name it`);
  return checkHold(ctx, { ...input, startedBy: latest(now, head.document.signedAt) });
}

/**
 * A hold that was found under its hash in `holds/`, named by a head or not: whoever signs heads, and a control plane
 * that obeys it before a head does. Only what brakes may rest on this. Order, and what each check stops:
 * 1. `sha256` is its hash: other bytes under its name;
 * 2. size, canonical form, type, fleet, schema version, requirements, shape;
 * 3. the approver threshold, by SSHSIG in namespace `hold@<fleet>`: a head key alone stops nobody;
 * 4. its life: ends after it starts, at most `holdSecondsMax` (`invalid`), and did not start in the future, or that
 *    limit would mean nothing (`future-dated`);
 * 5. `expired`: over. The one refusal after which a hold that the head names may be passed over.
 */
export async function verifyUnnamedHold(
  ctx: VerifyContext,
  input: {
    readonly trust: TrustState;
    readonly sha256: Sha256Hex;
    readonly signed: SignedBytes;
    readonly now: Instant;
  },
): Promise<Verified<VerifiedHold>> {
  const hash = await sha256Hex(ctx.crypto, input.signed.bytes);
  if (hash !== input.sha256) return refuse('hash-mismatch', `hold ${input.sha256}: its bytes have hash ${hash}`);
  return checkHold(ctx, { ...input, startedBy: input.now });
}

async function checkHold(
  ctx: VerifyContext,
  input: {
    readonly trust: TrustState;
    readonly signed: SignedBytes;
    readonly now: Instant;
    /** The latest time that anybody knows it to be: it must have started by then. */
    readonly startedBy: Instant;
  },
): Promise<Verified<VerifiedHold>> {
  const { trust, signed, now, startedBy } = input;
  const parsed = await parseDocument(ctx, { type: 'hold', schema: HoldDocument }, signed.bytes);
  if (!parsed.ok) return parsed;
  const { document, sha256, bytes } = parsed.value;

  const approvers = await countApprovers(ctx, trust, `hold@${ctx.fleet}`, signed);
  const counted = requireThreshold(approvers, trust.document.roles.approver.threshold, 'the approver role');
  if (!counted.ok) return refuse(counted.reason, `hold ${sha256}: ${counted.detail}`);

  const { createdAt, expiresAt } = document;
  if (expiresAt <= createdAt || expiresAt > addSeconds(createdAt, holdSecondsMax)) {
    const detail = `expected a life of at most ${holdSecondsMax} s, got ${createdAt} to ${expiresAt}`;
    return refuse('invalid', `hold ${sha256}: ${detail}`);
  }
  if (createdAt > addSeconds(startedBy, clockSkewSecondsMax)) {
    return refuse('future-dated', `hold ${sha256}: created at ${createdAt}, and now is ${now}`);
  }
  if (expiresAt <= now) return refuse('expired', `hold ${sha256}: expired at ${expiresAt}, and now is ${now}`);
  return accept({ document, sha256, bytes });
}
