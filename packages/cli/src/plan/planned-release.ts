import {
  entriesOf,
  type FleetDocument,
  type Instant,
  type RolloutId,
  RolloutManifest,
  readDocument,
  rolloutPath,
  type VerifyContext,
} from '@nixfleet/contracts';
import type { PlannerRelease } from '@nixfleet/engine';
import { type Assembly, findHolds, type ReleaseBase } from '@nixfleet/release';

export interface PlannedRelease {
  readonly release: PlannerRelease;
  readonly fleet: FleetDocument;
}

/**
 * What the planner will have to do with: the release as it would be, or without one the last; every rollout it names; and
 * what holds its channels now. Null before the first release where nothing is to be released either.
 */
export async function plannedRelease(
  ctx: VerifyContext,
  { assembly, base, now }: { readonly assembly: Assembly | null; readonly base: ReleaseBase; readonly now: Instant },
): Promise<PlannedRelease | null> {
  const { previous, snapshot, chain } = base;
  const document = assembly?.release ?? previous?.release.document;
  const fleet = assembly?.fleet ?? previous?.fleet.document;
  if (!document || !fleet) return null;
  const trials = [...(previous?.trials.values() ?? [])].map(({ manifest }) => manifest);
  const manifests = new Map<RolloutId, RolloutManifest>();
  for (const manifest of [...(previous?.manifests.values() ?? []), ...(previous?.mayFinish ?? []), ...trials]) {
    manifests.set(manifest.rolloutId, manifest.document);
  }
  for (const [, { rolloutId }] of entriesOf(document.channels)) {
    const bytes = assembly?.change.files.get(rolloutPath(rolloutId));
    const read = bytes && readDocument(ctx.fleet, { type: 'rollout', schema: RolloutManifest }, bytes);
    if (read?.ok) manifests.set(rolloutId, read.value.document);
  }
  const { holds } = await findHolds(ctx, { tree: snapshot.tree, chain, now });
  const active = [...holds.values()].flatMap(({ kind, document: hold }) =>
    kind === 'active' && hold ? [{ channel: hold.channel, reason: hold.reason, expiresAt: hold.expiresAt }] : [],
  );
  const emergencyApproved = assembly === null && (previous?.release.emergencyApproved ?? false);
  // Heads are renewed every hour; how far this one reaches says nothing of the rollout.
  const headExpiresAt = previous?.head.document.expiresAt ?? now;
  return { release: { document, fleet, manifests, holds: active, headExpiresAt, emergencyApproved }, fleet };
}
