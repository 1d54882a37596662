import type { FleetView } from '@nixfleet/contracts';
import type { ClusterStanding } from './cluster/cluster.ts';
import { fleetView, type ViewSources } from './views/render-views.ts';

/** Body of `GET /readyz`. */
export interface Readiness {
  /** A verified release is in force, its head has not expired, and nothing waits for a rebuild. */
  readonly ready: boolean;
  /** What is missing for `ready`, in sentences. */
  readonly missing: readonly string[];
  /** What is wrong, whether or not it keeps it from being ready. */
  readonly problems: readonly string[];
  readonly release: number | null;
  readonly headExpiresAt: string | null;
  readonly rebuilding: FleetView['rebuilding'];
  /** Where several control planes share a database: which one this is, and whether it decides. Absent otherwise. */
  readonly cluster?: ClusterStanding;
}

export function readinessOf(sources: ViewSources, cluster?: ClusterStanding | null): Readiness {
  const { release, head, rebuilding, problems, now } = fleetView(sources);
  const missing: string[] = [];
  if (!release) missing.push('no release was verified yet');
  else if (!sources.published) missing.push('the first planning pass has not ended');
  if (head && head.expiresAt <= now) {
    missing.push(`the head expired at ${head.expiresAt}: CI must run \`nixfleet head sign\`; nothing new starts`);
  }
  if (rebuilding) {
    const { until, unheard } = rebuilding;
    missing.push(`the state is being rebuilt until ${until} at the latest; ${unheard.length} hosts are not heard yet`);
  }
  return {
    ready: missing.length === 0,
    missing,
    problems,
    release: release?.version ?? null,
    headExpiresAt: head?.expiresAt ?? null,
    rebuilding,
    ...(cluster && { cluster }),
  };
}
