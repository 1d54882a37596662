import { parseDocument } from './parse-document.ts';
import { type Refusal, refuse, type Verified } from './refusal.ts';
import type { SignedBytes, VerifyContext } from './signed-bytes.ts';
import { countSigners, requireThreshold } from './signer-count.ts';
import { TrustDocument } from './trust.ts';
import { readTrustKeys, type TrustState } from './trust-keys.ts';

const trustKind = { type: 'trust', schema: TrustDocument } as const;

/** Most trust documents taken in one walk; a longer chain is walked on from where it stopped. */
export const trustStepsMax = 1000;

/**
 * A starting point: shape and self-consistency only. Its origin is what makes it trusted (it came in a closure, an
 * installer or this program's own state, or its hash was compared by a person); signatures would prove nothing,
 * since whoever forged it would have chosen the keys.
 */
export async function pinTrust(ctx: VerifyContext, bytes: Uint8Array): Promise<Verified<TrustState>> {
  const parsed = await parseDocument(ctx, trustKind, bytes);
  return parsed.ok ? readTrustKeys(ctx, parsed.value) : parsed;
}

/** A refusal that still says how far the chain was good: persist and use `reached`. */
export type WalkTrustRefusal = Refusal & { readonly reached: TrustState };

/**
 * From `current` along the chain, one version at a time (TUF specification §5.3). For each document:
 * 1. the very bytes of the version reached are skipped;
 * 2. size, canonical form, type, fleet, schema version, requirements, shape;
 * 3. version: lower is `rolled-back` (stops bringing revoked keys back), more than one ahead `trust-gap`;
 * 4. root threshold of the version before (stops arbitrary keys); only then is other content under the version reached
 *    called `equivocation`, since that accuses the root signers;
 * 5. self-consistency (`readTrustKeys`), and the document's own root threshold: its root keys exist and work, or the
 *    next step would be impossible.
 */
export async function walkTrust(
  ctx: VerifyContext,
  { current, next }: { readonly current: TrustState; readonly next: readonly SignedBytes[] },
): Promise<{ readonly ok: true; readonly value: TrustState } | WalkTrustRefusal> {
  let reached = current;
  for (const signed of next.slice(0, trustStepsMax)) {
    const step = await takeStep(ctx, reached, signed);
    if (!step.ok) return { ...step, reached };
    reached = step.value;
  }
  if (next.length > trustStepsMax) {
    const detail = `expected at most ${trustStepsMax} trust documents in one walk, got ${next.length}`;
    return { ...refuse('oversized', detail), reached };
  }
  return { ok: true, value: reached };
}

async function takeStep(ctx: VerifyContext, reached: TrustState, signed: SignedBytes): Promise<Verified<TrustState>> {
  const parsed = await parseDocument(ctx, trustKind, signed.bytes);
  if (!parsed.ok) return parsed;
  const { version } = parsed.value.document;
  const at = reached.document.version;
  if (parsed.value.sha256 === reached.sha256) return { ok: true, value: reached };
  if (version < at) return refuse('rolled-back', `trust ${version}: version ${at} was already accepted`);
  if (version > at + 1) return refuse('trust-gap', `trust ${version}: expected version ${at + 1} next`);

  const byOld = await countSigners(ctx, reached, reached.document.roles.root.signers, signed);
  const old = requireThreshold(byOld, reached.document.roles.root.threshold, `the root role of trust ${at}`);
  if (!old.ok) return refuse(old.reason, `trust ${version}: ${old.detail}`);
  if (version === at) {
    return refuse('equivocation', `trust ${version}: ${parsed.value.sha256}, but ${reached.sha256} was accepted`);
  }

  const candidate = await readTrustKeys(ctx, parsed.value);
  if (!candidate.ok) return candidate;
  const { root } = candidate.value.document.roles;
  const byNew = await countSigners(ctx, candidate.value, root.signers, signed);
  const own = requireThreshold(byNew, root.threshold, `its own root role`);
  if (!own.ok) return refuse(own.reason, `trust ${version}: ${own.detail}`);
  return candidate;
}
