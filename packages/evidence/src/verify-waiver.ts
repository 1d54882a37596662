import {
  accept,
  addSeconds,
  countApprovers,
  type DocumentRefusalCode,
  entriesOf,
  type GovernanceLevel,
  type Instant,
  minimalWaiverSecondsMax,
  parseDocument,
  type Refusal,
  readDocument,
  refuse,
  requireThreshold,
  type Sha256Hex,
  type SignedBytes,
  type TrustState,
  unwaivableControls,
  utf8,
  type Verified,
  type VerifyContext,
  WaiverDocument,
  WaiverRegister,
  waiverSecondsMax,
} from '@nixfleet/contracts';

export interface VerifiedWaiver {
  readonly document: WaiverDocument;
  readonly sha256: Sha256Hex;
  readonly bytes: Uint8Array;
}

/** How severe a rule is, from a catalogue; undefined for a rule that it does not have. */
export type SeverityOf = (ruleId: string) => GovernanceLevel | undefined;

/**
 * A waiver that counts, whether it has begun, has run out, or not: `covers` says that for a time. Order:
 * 1. size, canonical form, type, fleet, schema version, requirements, shape (so a scope, and not all hosts);
 * 2. what no waiver may do (`invalid`): cover what shows that the rest can be believed, be approved by its owner, live for
 *    longer than a year (90 days for a rule of severity `minimal`), accept a high risk without compensation. A rule whose
 *    severity nobody knows is taken for `minimal`;
 * 3. the approver it names is one of trust's, and signed it, and the role's threshold is reached, by SSHSIG in namespace
 *    `waiver@<fleet>` (`too-few-signers`): the repository alone waives nothing.
 */
export async function verifyWaiver(
  ctx: VerifyContext,
  {
    trust,
    signed,
    severityOf,
  }: { readonly trust: TrustState; readonly signed: SignedBytes; readonly severityOf: SeverityOf },
): Promise<Verified<VerifiedWaiver>> {
  const parsed = await parseDocument(ctx, { type: 'waiver', schema: WaiverDocument }, signed.bytes);
  if (!parsed.ok) return parsed;
  const { document, sha256, bytes } = parsed.value;
  const { id, approver } = document;
  const problems = waiverProblems(document, severityOf(document.ruleId));
  if (problems.length > 0) return refuse('invalid', `waiver ${id}: ${problems.join('; ')}`);

  const { approver: role } = trust.document.roles;
  if (!role.signers.includes(approver)) {
    return refuse('too-few-signers', `waiver ${id}: ${approver} is no approver of trust ${trust.document.version}`);
  }
  const approvers = await countApprovers(ctx, trust, `waiver@${ctx.fleet}`, signed);
  if (!approvers.signers.has(approver)) {
    return refuse('too-few-signers', `waiver ${id}: ${approver}, whom it names, has not signed it`);
  }
  const counted = requireThreshold(approvers, role.threshold, 'the approver role');
  if (!counted.ok) return refuse(counted.reason, `waiver ${id}: ${counted.detail}`);
  return accept({ document, sha256, bytes });
}

/** What is wrong with a waiver apart from its signature: for people who write one, too. */
export function waiverProblems(waiver: WaiverDocument, severity: GovernanceLevel | undefined): string[] {
  const { controlId, owner, approver, createdAt, expiresAt, reviewAt, risk, compensating } = waiver;
  const problems: string[] = [];
  if (unwaivableControls.has(controlId)) problems.push(`controlId: ${controlId} cannot be waived`);
  if (owner.trim().toLowerCase() === approver) problems.push('approver: the same person as the owner');
  const secondsMax = severity === undefined || severity === 'minimal' ? minimalWaiverSecondsMax : waiverSecondsMax;
  if (expiresAt <= createdAt || expiresAt > addSeconds(createdAt, secondsMax)) {
    const days = secondsMax / 86_400;
    problems.push(`expiresAt: expected at most ${days} days after ${createdAt}, got ${expiresAt}`);
  }
  if (reviewAt <= createdAt || reviewAt > expiresAt)
    problems.push('reviewAt: expected between createdAt and expiresAt');
  if (risk === 'high' && compensating.length === 0) problems.push('compensating: required for a high risk');
  return problems;
}

/** One entry of a register that does not count, and why. */
export interface RefusedWaiver {
  readonly index: number;
  readonly refusal: Refusal<DocumentRefusalCode>;
}

export interface VerifiedRegister {
  readonly waivers: readonly VerifiedWaiver[];
  readonly refused: readonly RefusedWaiver[];
}

/**
 * The waivers of a register that count. One that does not is refused alone, which can only make decisions stricter; an
 * identifier that stands twice counts once, the first time.
 */
export async function verifyRegister(
  ctx: VerifyContext,
  {
    trust,
    bytes,
    severityOf,
  }: { readonly trust: TrustState; readonly bytes: Uint8Array; readonly severityOf: SeverityOf },
): Promise<Verified<VerifiedRegister>> {
  const read = readDocument(ctx.fleet, { type: 'waiver-register', schema: WaiverRegister }, bytes);
  if (!read.ok) return read;
  const waivers: VerifiedWaiver[] = [];
  const refused: RefusedWaiver[] = [];
  const seen = new Set<string>();
  for (const [index, entry] of read.value.document.waivers.entries()) {
    const signed: SignedBytes = {
      bytes: utf8(entry.waiver),
      signatures: new Map(),
      sshSignatures: new Map(entriesOf(entry.sshSignatures)),
    };
    const verified = await verifyWaiver(ctx, { trust, signed, severityOf });
    if (!verified.ok) refused.push({ index, refusal: verified });
    else if (seen.has(verified.value.document.id)) {
      const detail = `waiver ${verified.value.document.id} stands twice`;
      refused.push({ index, refusal: refuse('invalid', detail) });
    } else {
      seen.add(verified.value.document.id);
      waivers.push(verified.value);
    }
  }
  return accept({ waivers, refused });
}

/** Days before the end at which a waiver is warned of, the nearest last. */
export const waiverWarningDays = [30, 14, 7] as const;

export type WaiverState = 'not-begun' | 'active' | 'expiring' | 'expired';

/** `expiring` within the first of `waiverWarningDays`; `expiresAt` itself is expired. */
export function waiverState({ createdAt, expiresAt }: WaiverDocument, now: Instant): WaiverState {
  if (expiresAt <= now) return 'expired';
  if (now < createdAt) return 'not-begun';
  return addSeconds(now, waiverWarningDays[0] * 86_400) >= expiresAt ? 'expiring' : 'active';
}

/** The nearest of `waiverWarningDays` within which it ends; null where it ends later. One that has run out is within the last. */
export function waiverEndsWithinDays(
  { expiresAt }: Pick<WaiverDocument, 'expiresAt'>,
  now: Instant,
): (typeof waiverWarningDays)[number] | null {
  return waiverWarningDays.findLast((days) => expiresAt <= addSeconds(now, days * 86_400)) ?? null;
}
