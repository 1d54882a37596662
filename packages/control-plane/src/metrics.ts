import { Counter, Gauge, Histogram, Registry } from 'prom-client';

/** Current values, asked for at every scrape. */
export interface MetricSources {
  readonly releaseVersion: () => number;
  readonly headVersion: () => number;
  /** Seconds since the epoch; 0 without a head. */
  readonly headExpiresAt: () => number;
  readonly trustVersion: () => number;
  readonly hostsByHealth: () => ReadonlyMap<string, number>;
  readonly rolloutsByState: () => ReadonlyMap<string, number>;
  readonly heldCheckins: () => number;
  readonly eventStreams: () => number;
  readonly unknownKeys: () => number;
  readonly problems: () => number;
  readonly rebuilding: () => boolean;
  readonly position: () => number;
  readonly leads: () => boolean;
  /** Seconds since the source last answered; -1 before. */
  readonly sourceAgeSeconds: () => number;
}

/** Everything `GET /metrics` shows; each name is in the table of docs/control-plane.md. */
export class Metrics {
  readonly registry = new Registry();
  readonly checkins = this.#counter('nixfleet_checkins_total', 'Check-ins of declared hosts.');
  readonly eventsStored = this.#counter('nixfleet_events_stored_total', 'Events that became durable.');
  readonly gos = this.#counter('nixfleet_gos_total', 'Permissions to start that were recorded.');
  readonly storeFailures = this.#counter('nixfleet_store_failures_total', 'Requests refused because the store failed.');
  readonly batchesRefused = this.#counter(
    'nixfleet_event_batches_refused_total',
    'Batches of events that were not taken, by reason.',
    ['reason'],
  );
  /** By route, then by status. */
  readonly #requests = new Map<string, Map<number, number>>();
  readonly polls = this.#counter('nixfleet_source_polls_total', 'Looks at the release source, by outcome.', [
    'outcome',
  ]);
  readonly connectionsRefused = this.#counter(
    'nixfleet_connections_refused_total',
    'Connections closed before a request, by reason.',
    ['reason'],
  );
  readonly connections = new Gauge({
    name: 'nixfleet_connections',
    help: 'TCP connections open now.',
    registers: [this.registry],
  });
  readonly planSeconds = new Histogram({
    name: 'nixfleet_plan_seconds',
    help: 'Duration of a planning pass.',
    buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2],
    registers: [this.registry],
  });

  /** Counted here and handed to the registry only at a scrape: a label set costs more than the rest of a check-in. */
  countRequest(route: string, status: number): void {
    let byStatus = this.#requests.get(route);
    if (!byStatus) {
      byStatus = new Map();
      this.#requests.set(route, byStatus);
    }
    byStatus.set(status, (byStatus.get(status) ?? 0) + 1);
  }

  #counter(name: string, help: string, labelNames: string[] = []): Counter {
    return new Counter({ name, help, labelNames, registers: [this.registry] });
  }

  /** Gauges over what others hold. */
  observe(sources: MetricSources): void {
    const gauge = (name: string, help: string, value: () => number): void => {
      new Gauge({
        name,
        help,
        registers: [this.registry],
        collect() {
          this.set(value());
        },
      });
    };
    const gauges = (name: string, help: string, label: string, values: () => ReadonlyMap<string, number>): void => {
      new Gauge({
        name,
        help,
        labelNames: [label],
        registers: [this.registry],
        collect() {
          this.reset();
          for (const [key, value] of values()) this.set({ [label]: key }, value);
        },
      });
    };
    const requests = this.#requests;
    new Counter({
      name: 'nixfleet_requests_total',
      help: 'Requests answered, by route and status.',
      labelNames: ['route', 'status'],
      registers: [this.registry],
      collect() {
        this.reset();
        for (const [route, byStatus] of requests) {
          for (const [status, count] of byStatus) this.inc({ route, status: String(status) }, count);
        }
      },
    });
    gauge('nixfleet_release_version', 'Version of the release in force; 0 without one.', sources.releaseVersion);
    gauge('nixfleet_head_version', 'Version of the head in force; 0 without one.', sources.headVersion);
    gauge('nixfleet_head_expires_timestamp_seconds', 'When the head expires; 0 without one.', sources.headExpiresAt);
    gauge('nixfleet_trust_version', 'Newest trust version.', sources.trustVersion);
    gauges('nixfleet_hosts', 'Declared hosts, by health.', 'health', sources.hostsByHealth);
    gauges('nixfleet_rollouts', 'Rollouts that the release names, by state.', 'state', sources.rolloutsByState);
    gauge('nixfleet_checkins_held', 'Check-ins held now.', sources.heldCheckins);
    gauge('nixfleet_event_streams', 'Streams of events open now.', sources.eventStreams);
    gauge('nixfleet_unknown_keys', 'Undeclared keys listed now.', sources.unknownKeys);
    gauge('nixfleet_problems', 'Problems that /readyz lists.', sources.problems);
    gauge('nixfleet_rebuilding', '1 while nothing is dispatched after an empty start.', () =>
      sources.rebuilding() ? 1 : 0,
    );
    gauge('nixfleet_leads', '1 where this control plane records what is allowed.', () => (sources.leads() ? 1 : 0));
    gauge('nixfleet_log_position', 'Position of the last entry of the log.', sources.position);
    gauge(
      'nixfleet_source_age_seconds',
      'Seconds since the release source last answered; -1 before.',
      sources.sourceAgeSeconds,
    );
    gauge('nixfleet_resident_memory_bytes', 'Resident memory of the process.', () => process.memoryUsage.rss());
  }
}
