import { type Instant, instantToMs } from '@nixfleet/contracts';
import type { MetricSources } from './metrics.ts';
import type { Readiness } from './readiness.ts';
import { fleetView, type ViewSources } from './views/render-views.ts';

export interface Measured {
  readonly sources: () => ViewSources;
  readonly readiness: () => Readiness;
  readonly held: { readonly size: number };
  readonly feed: { readonly streams: number };
  readonly unknown: { readonly size: number };
  /** Whether this control plane decides. */
  readonly leads: () => boolean;
  /** Since the release source last answered, in milliseconds; null before. */
  readonly sourceAgeMs: () => number | null;
}

/** What the gauges of one control plane show, asked for at every scrape. */
export function metricSources(measured: Measured): MetricSources {
  const { sources, readiness } = measured;
  const seconds = (instant: Instant | undefined): number => (instant ? instantToMs(instant) / 1000 : 0);
  return {
    releaseVersion: () => sources().tree?.release.document.version ?? 0,
    headVersion: () => sources().tree?.head.document.version ?? 0,
    headExpiresAt: () => seconds(sources().tree?.head.document.expiresAt),
    trustVersion: () => sources().trustVersion,
    hostsByHealth: () => countBy(fleetView(sources()).hosts, ({ health }) => health),
    rolloutsByState: () => countBy(sources().published?.plan.rollouts ?? [], ({ state }) => state),
    heldCheckins: () => measured.held.size,
    eventStreams: () => measured.feed.streams,
    unknownKeys: () => measured.unknown.size,
    problems: () => readiness().problems.length,
    rebuilding: () => readiness().rebuilding !== null,
    position: () => sources().records.position,
    leads: measured.leads,
    sourceAgeSeconds: () => {
      const ageMs = measured.sourceAgeMs();
      return ageMs === null ? -1 : ageMs / 1000;
    },
  };
}

function countBy<Item>(items: readonly Item[], keyOf: (item: Item) => string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const item of items) counts.set(keyOf(item), (counts.get(keyOf(item)) ?? 0) + 1);
  return counts;
}
