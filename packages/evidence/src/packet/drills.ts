import {
  addSeconds,
  countApprovers,
  DrillRecord,
  documentBytesMax,
  instantToMs,
  readDocument,
  type TrustState,
  type VerifyContext,
} from '@nixfleet/contracts';
import type { Note } from './findings.ts';
import { packetPaths } from './packet-manifest.ts';
import type { PacketReader } from './packet-reader.ts';
import { signedIn } from './signed-in.ts';

/** Records of drills that count: signed by an approver, and at one with themselves. Sorted by identifier. */
export async function verifyDrills(
  ctx: VerifyContext,
  reader: PacketReader,
  { trust, note }: { readonly trust: TrustState; readonly note: Note },
): Promise<readonly DrillRecord[]> {
  const drills: DrillRecord[] = [];
  for (const path of await reader.list()) {
    if (!path.startsWith(`${packetPaths.drills}/`) || !path.endsWith('.json')) continue;
    const bytes = await reader.read(path, documentBytesMax.drill);
    if (!bytes) continue;
    const read = readDocument(ctx.fleet, { type: 'drill', schema: DrillRecord }, bytes);
    if (!read.ok) {
      note('drill', path, `${read.reason}: ${read.detail}`);
      continue;
    }
    const { document } = read.value;
    const signed = await signedIn(reader, path, bytes);
    const approvers = await countApprovers(ctx, trust, `drill@${ctx.fleet}`, signed);
    const problem = approvers.signers.size === 0 ? 'no approver signed it' : drillProblem(document);
    if (problem === null) drills.push(document);
    else note('drill', path, problem);
  }
  return drills.sort((left, right) => (left.id < right.id ? -1 : 1));
}

/** Where a record is at odds with itself; null if it is not. */
export function drillProblem({ steps, passed, startedAt, endedAt, limitSeconds }: DrillRecord): string | null {
  if (endedAt < startedAt) return 'it ends before it starts';
  const all = steps.every(({ isObserved }) => isObserved);
  if (passed !== all) return `passed is ${passed}, and its steps say ${all}`;
  const inTime = endedAt <= addSeconds(startedAt, limitSeconds);
  const within = steps.find(({ name }) => name === 'within-limit');
  if (within?.isObserved === true && !inTime) return 'it took longer than its limit, and says that it did not';
  const seconds = (instantToMs(endedAt) - instantToMs(startedAt)) / 1000;
  const late = steps.find(({ afterSeconds }) => afterSeconds !== null && afterSeconds > seconds);
  return late ? `${late.name} was seen after the end` : null;
}
