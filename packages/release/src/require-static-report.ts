import {
  accept,
  documentBytesMax,
  FleetDocument,
  fleetPath,
  type Instant,
  type ReleaseDocument,
  readDocument,
  refuse,
  type TrustState,
  type VerifyContext,
} from '@nixfleet/contracts';
import { readBound, verifyStaticReport, waiversInUse } from '@nixfleet/evidence';
import type { ReleaseOutcome } from './release-refusal.ts';
import type { ReleaseTree } from './release-tree.ts';

/**
 * For whoever signs: refuses a release whose static report is missing where a policy asks for one, or is not what the gate
 * makes of its catalogues, waivers and measurements (`verifyStaticReport`), or that a waiver let pass which has run out since it
 * was assembled: whoever assembled it chose `createdAt`.
 */
export async function requireStaticReport(
  ctx: VerifyContext,
  tree: ReleaseTree,
  { release, trust, now }: { readonly release: ReleaseDocument; readonly trust: TrustState; readonly now: Instant },
): Promise<ReleaseOutcome<null>> {
  const { sha256 } = release.resolvedFleet;
  const read = (path: string, bytesMax: number) => tree.read(path, bytesMax);
  const bytes = await readBound(ctx, read, fleetPath(sha256), { bytesMax: documentBytesMax.fleet, sha256 });
  if (!bytes.ok) return bytes;
  const fleet = readDocument(ctx.fleet, { type: 'fleet', schema: FleetDocument }, bytes.value);
  if (!fleet.ok) return fleet;
  const verified = await verifyStaticReport(ctx, { release, fleet: fleet.value.document, trust, read });
  if (!verified.ok) return verified.reason === 'invalid' ? refuse('compliance-failed', verified.detail) : verified;
  const { report, waivers } = verified.value;
  const inUse =
    report === null
      ? []
      : waiversInUse(
          report,
          waivers.map(({ document }) => document),
        );
  const over = inUse.find(({ waiver, isEnforced }) => isEnforced && waiver.expiresAt <= now);
  if (!over) return accept(null);
  const { waiver, hosts } = over;
  const detail = `${waiver.id}, which it rests on for ${waiver.ruleId} on ${hosts.join(', ')}, ran out at ${waiver.expiresAt}`;
  return refuse(
    'compliance-failed',
    `${detail}: mend the rule, or have another waiver approved, and assemble it again`,
  );
}
