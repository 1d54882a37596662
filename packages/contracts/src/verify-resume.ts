import type { Sha256Hex } from './names.ts';
import { parseDocument } from './parse-document.ts';
import { accept, refuse, type Verified } from './refusal.ts';
import { ResumeDocument } from './resume.ts';
import type { SignedBytes, VerifyContext } from './signed-bytes.ts';
import { countApprovers, requireThreshold, type SignerCount } from './signer-count.ts';
import type { TrustState } from './trust-keys.ts';

export interface VerifiedResume {
  readonly document: ResumeDocument;
  readonly approvers: SignerCount['signers'];
}

/**
 * Order, and what each check stops:
 * 1. size, canonical form, type, fleet, schema version, requirements, shape;
 * 2. `hash-mismatch`: it is about another hold, put under this one's name;
 * 3. the approver threshold, by SSHSIG in namespace `resume@<fleet>`: ending a hold takes as many people as making one.
 */
export async function verifyResume(
  ctx: VerifyContext,
  input: { readonly trust: TrustState; readonly hold: Sha256Hex; readonly signed: SignedBytes },
): Promise<Verified<VerifiedResume>> {
  const { trust, hold, signed } = input;
  const parsed = await parseDocument(ctx, { type: 'resume', schema: ResumeDocument }, signed.bytes);
  if (!parsed.ok) return parsed;
  const { document } = parsed.value;
  if (document.hold !== hold) {
    return refuse('hash-mismatch', `resume: expected one of hold ${hold}, got one of ${document.hold}`);
  }
  const approvers = await countApprovers(ctx, trust, `resume@${ctx.fleet}`, signed);
  const counted = requireThreshold(approvers, trust.document.roles.approver.threshold, 'the approver role');
  if (!counted.ok) return refuse(counted.reason, `resume of hold ${hold}: ${counted.detail}`);
  return accept({ document, approvers: approvers.signers });
}
