import {
  countApprovers,
  type DocumentRefusalCode,
  documentBytesMax,
  holdPath,
  type Refusal,
  refuse,
  verifyHold,
} from '@nixfleet/contracts';
import { readSigned } from '@nixfleet/release';
import type { Chain, VerifiedChain } from './chain.ts';

/** Every hold that the head names. One that is over is reported and stops nothing. */
export async function verifyHolds(
  { ctx, place, now, steps }: Chain,
  { trust, head }: VerifiedChain,
): Promise<Refusal<DocumentRefusalCode> | null> {
  for (const sha256 of head.document.holds) {
    const path = holdPath(sha256);
    const signed = await readSigned(place, path, documentBytesMax.hold);
    if (!signed) return refuse('missing', `${path}, which the head names, is not in ${place.name}`);
    const hold = await verifyHold(ctx, { trust, head, signed, now });
    const isOver = !hold.ok && hold.reason === 'expired';
    if (!hold.ok && !isOver) return hold;
    const count = await countApprovers(ctx, trust, `hold@${ctx.fleet}`, signed);
    const until = hold.ok
      ? `holds channel ${hold.value.document.channel} until ${hold.value.document.expiresAt}`
      : 'is over';
    steps.push({
      document: 'hold',
      sha256,
      statement: `named by the head, signed by ${count.signers.size} of ${trust.document.roles.approver.threshold} needed of the approver role; ${until}`,
      signers: [...count.signers].sort(),
      keyIds: [...count.keyIds].sort(),
    });
  }
  return null;
}
