import { type HostName, type Identity, protocolHeader, protocolVersion } from '@nixfleet/contracts';
import { Cluster } from './cluster/cluster.ts';
import type { ControlPlaneOptions } from './control-plane-options.ts';
import { Deadlines } from './deadlines.ts';
import { ControlPlaneError, messageOf } from './errors.ts';
import { addressGroup, isLoopback } from './http/address.ts';
import { CheckinBodies } from './http/checkin-bodies.ts';
import { type CheckinDeps, checkin, hasNews } from './http/checkin-route.ts';
import { EventFeed } from './http/event-feed.ts';
import { type EventsDeps, postEvents } from './http/events-route.ts';
import { defaultEvidenceLimits, type EvidenceDeps, getEvidence, postEvidence } from './http/evidence-route.ts';
import { HeldCheckins } from './http/held-checkins.ts';
import { mayUse } from './http/may-use.ts';
import { type ApiRequest, type ApiResponse, errorResponse, jsonResponse, type Peer } from './http/message.ts';
import { matchRoute, type RouteMatch } from './http/routes.ts';
import { TokenBuckets } from './http/token-buckets.ts';
import { UnknownKeys } from './http/unknown-keys.ts';
import { getEvents, getFleet, getHost, getRollout, getRollouts, getWhy, type ViewDeps } from './http/view-routes.ts';
import { EventIntake } from './intake/event-intake.ts';
import { defaultLimits, type Limits } from './limits.ts';
import { shown } from './log.ts';
import { metricSources } from './metric-sources.ts';
import { Metrics } from './metrics.ts';
import { GoBuilder } from './planner/go-builder.ts';
import { PlannerLoop } from './planner/planner-loop.ts';
import { type Readiness, readinessOf } from './readiness.ts';
import { ReleaseIntake } from './release/release-intake.ts';
import { ReleasePoller } from './release/release-poller.ts';
import { isImmutablePath, isSignedPath } from './release/signed-path.ts';
import { FleetRecords } from './views/fleet-records.ts';
import { Presence } from './views/presence.ts';
import type { ViewSources } from './views/render-views.ts';

/**
 * The whole control plane but its server: `handle` is the API, for a TLS server, a test or a simulation alike.
 * It signs nothing; what it hands out was signed elsewhere, and what it decides can only delay.
 */
export class ControlPlane implements AsyncDisposable {
  readonly metrics = new Metrics();
  readonly #options: ControlPlaneOptions;
  readonly #limits: Limits;
  readonly #intake: ReleaseIntake;
  readonly #records: FleetRecords;
  readonly #presence: Presence;
  readonly #planner: PlannerLoop;
  readonly #poller: ReleasePoller;
  readonly #held: HeldCheckins;
  readonly #bodies = new CheckinBodies();
  readonly #deadlines: Deadlines;
  /** Where several control planes share the store. */
  readonly #cluster: Cluster | null;
  readonly #feed: EventFeed;
  readonly #events: EventIntake;
  readonly #unknown: UnknownKeys;
  readonly #hostRate: TokenBuckets;
  readonly #operatorRate: TokenBuckets;
  readonly #addressRate: TokenBuckets;
  readonly #eventRate: TokenBuckets;
  readonly #eventBytesRate: TokenBuckets;
  readonly #stopping = new AbortController();
  readonly #views: ViewDeps;
  readonly #checkinDeps: CheckinDeps;
  readonly #eventsDeps: EventsDeps;
  readonly #evidenceDeps: EvidenceDeps;
  #storeProblem: string | null = null;
  #sourceAnsweredAtMs: number | null = null;
  /** Called when keys may have been added or removed: the server closes connections that are nobody's now. */
  onIdentitiesChanged: () => void = () => {};

  private constructor(
    options: ControlPlaneOptions,
    { intake, records }: { intake: ReleaseIntake; records: FleetRecords },
  ) {
    const { clock, random, log, store, source } = options;
    this.#options = options;
    this.#limits = { ...defaultLimits, ...options.limits };
    this.#intake = intake;
    this.#records = records;
    this.#presence = new Presence({ clock, offlineAfterSeconds: options.offlineAfterSeconds ?? 150 });
    this.#deadlines = new Deadlines(clock);
    this.#held = new HeldCheckins(this.#deadlines);
    this.#feed = new EventFeed({ store, clock });
    this.#events = new EventIntake({ store, records, ctx: intake.ctx });
    this.#unknown = new UnknownKeys(clock);
    this.#hostRate = new TokenBuckets(clock, this.#limits.identityRequests);
    this.#operatorRate = new TokenBuckets(clock, this.#limits.identityRequests);
    this.#addressRate = new TokenBuckets(clock, this.#limits.addressRequests);
    this.#eventRate = new TokenBuckets(clock, this.#limits.hostEvents);
    this.#eventBytesRate = new TokenBuckets(clock, this.#limits.hostEventBytes);
    const { shared } = store;
    this.#cluster = shared
      ? new Cluster({
          shared,
          clock,
          log,
          intake,
          records,
          presence: this.#presence,
          onChange: () => this.#planner.changed(),
          onEntries: () => this.#feed.notify(),
          settled: () => this.#planner.settled(),
        })
      : null;
    this.#planner = new PlannerLoop({
      clock,
      log,
      intake,
      records,
      presence: this.#presence,
      goBuilder: new GoBuilder({ store, records, ctx: intake.ctx }),
      rebuildSecondsMax: options.rebuildSecondsMax ?? 120,
      ...(this.#cluster && { leadership: this.#cluster }),
      onPublished: () => this.#held.wake((host, seen) => hasNews(this.#checkinDeps, host, seen)),
      onPass: (ms) => this.metrics.planSeconds.observe(ms / 1000),
      onGos: (count) => this.metrics.gos.inc(count),
    });
    this.#poller = new ReleasePoller({
      source,
      intake,
      clock,
      random,
      log,
      pollSeconds: options.pollSeconds ?? 30,
      onPolled: (outcome) => {
        this.metrics.polls.inc({ outcome });
        if (outcome !== 'failed') this.#sourceAnsweredAtMs = clock.monotonicMs();
      },
    });
    this.#views = { sources: () => this.#sources(), store, feed: this.#feed, stopping: this.#stopping.signal };
    const { metrics } = this;
    this.#checkinDeps = {
      intake,
      planner: this.#planner,
      records,
      presence: this.#presence,
      held: this.#held,
      bodies: this.#bodies,
      store,
      ...(this.#cluster && { cluster: this.#cluster }),
    };
    this.#eventsDeps = {
      ...this.#checkinDeps,
      events: this.#events,
      feed: this.#feed,
      eventRate: this.#eventRate,
      eventBytesRate: this.#eventBytesRate,
      metrics,
      log,
    };
    this.#evidenceDeps = {
      ...{ intake, store, metrics, log },
      limits: options.evidence ?? defaultEvidenceLimits,
      bytesRate: new TokenBuckets(clock, this.#limits.hostEvidenceBytes),
    };
    metrics.observe(
      metricSources({
        sources: () => this.#sources(),
        readiness: () => this.readiness(),
        held: this.#held,
        feed: this.#feed,
        unknown: this.#unknown,
        leads: () => this.#cluster === null || this.#cluster.term !== null,
        sourceAgeMs: () => (this.#sourceAnsweredAtMs === null ? null : clock.monotonicMs() - this.#sourceAnsweredAtMs),
      }),
    );
    intake.onChange = () => this.#releaseChanged();
  }

  /** Reads the state and starts to poll and to plan. Throws `bad-trust` and `state-unreadable`. */
  static async start(options: ControlPlaneOptions): Promise<ControlPlane> {
    const intake = await ReleaseIntake.load(options);
    const records = await FleetRecords.load(options.store);
    const controlPlane = new ControlPlane(options, { intake, records });
    controlPlane.#poller.start();
    controlPlane.#planner.start();
    controlPlane.#cluster?.start();
    return controlPlane;
  }

  /** The one entrance. Never throws; every outcome is a response. */
  async handle(peer: Peer, request: ApiRequest): Promise<ApiResponse> {
    const match = matchRoute(request.method, request.path);
    let response: ApiResponse;
    try {
      response = await this.#answer(peer, request, match);
      if (match?.route.name === 'events-post' && response.status === 200) this.#storeProblem = null;
    } catch (error) {
      response = this.#failed(error);
    }
    this.metrics.countRequest(match?.route.name ?? 'none', response.status);
    return response;
  }

  #answer(peer: Peer, request: ApiRequest, match: RouteMatch | null): ApiResponse | Promise<ApiResponse> {
    const identity = this.identityOf(peer);
    const refusal = this.#refuse(peer, identity, request, match);
    // Who is nobody's, and not on this machine, keeps no connection: idle ones would use up everybody's.
    const closes = identity === null && !isLoopback(peer.address);
    if (refusal) return closes ? { ...refusal, closes } : refusal;
    if (!match) return errorResponse('not-found', 'there is no such route');
    const answer = this.#dispatch(identity, request, match);
    return closes ? closing(answer) : answer;
  }

  /** Null for a key that the newest verified release does not declare, and for no key. */
  identityOf({ spkiSha256 }: Pick<Peer, 'spkiSha256'>): Identity | null {
    if (spkiSha256 === null) return null;
    return this.#intake.current?.fleet.identities.get(spkiSha256) ?? null;
  }

  /** What keeps it from being ready, and what is merely wrong. */
  readiness(): Readiness {
    return readinessOf(this.#sources(), this.#cluster?.standing);
  }

  /** Looks at the release source soon; a hint that may be given by anybody. */
  refresh(): void {
    this.#poller.refresh();
  }

  /** Answers every held check-in at once, and holds none from now on. Requests under way may still end. */
  drain(): void {
    this.#stopping.abort();
    this.#held.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.drain();
    await this.#poller.stop();
    await this.#planner.stop();
    this.#deadlines.stop();
    await this.#records.checkpoint(true).catch((error: unknown) => {
      this.#options.log.warn({ problem: messageOf(error) }, 'the last checkpoint was not written');
    });
    await this.#cluster?.stop();
  }

  /** Everything that is decided before a route runs: rates, who may, which protocol. Null: go on. */
  #refuse(peer: Peer, identity: Identity | null, request: ApiRequest, match: RouteMatch | null): ApiResponse | null {
    const isTooMany = !this.#takeTurn(identity, peer);
    const audience = match?.route.audience;
    const isAllowed = audience !== undefined && mayUse(audience, identity, peer);
    if (!identity && peer.spkiSha256 !== null && this.#intake.current !== null) {
      const isNew = this.#unknown.note(peer.spkiSha256, peer.address);
      if (isNew) this.#options.log.info({ key: peer.spkiSha256, address: peer.address }, 'unknown key');
    }
    if (isTooMany) return errorResponse('rate-limited', 'too many requests', { retryAfterSeconds: 5 });
    if (!isAllowed && !identity) return this.#unidentified(peer);
    if (!match) return errorResponse('not-found', 'there is no such route');
    if (!isAllowed) return errorResponse('not-allowed', `${identity?.kind ?? 'nobody'} may not do this`);
    const protocol = request.headers[protocolHeader];
    if (protocol === undefined ? match.route.needsProtocol : protocol !== String(protocolVersion)) {
      const got = protocol === undefined ? 'none' : shown(protocol);
      return errorResponse('unsupported-protocol', `expected ${protocolHeader}: ${protocolVersion}, got ${got}`);
    }
    return null;
  }

  #takeTurn(identity: Identity | null, { address }: Peer): boolean {
    if (identity === null) return this.#addressRate.take(addressGroup(address));
    return (identity.kind === 'host' ? this.#hostRate : this.#operatorRate).take(identity.name);
  }

  #unidentified({ spkiSha256 }: Peer): ApiResponse {
    if (spkiSha256 === null) return errorResponse('unauthenticated', 'present a client certificate of a declared key');
    if (!this.#intake.current) {
      return errorResponse('not-ready', 'no verified release yet: nobody is known', { retryAfterSeconds: 10 });
    }
    return errorResponse('unknown-key', `the key ${spkiSha256} is not declared in the newest verified release`);
  }

  #dispatch(identity: Identity | null, request: ApiRequest, match: RouteMatch): ApiResponse | Promise<ApiResponse> {
    const { route, parameter, query } = match;
    const host = identity?.kind === 'host' ? identity.name : null;
    if (host !== null && this.#presence.note(host)) {
      this.#planner.changed();
      this.#cluster?.wake();
    }
    switch (route.name) {
      case 'checkin':
        this.metrics.checkins.inc();
        return checkin(this.#checkinDeps, host as HostName, request);
      case 'events-post':
        return postEvents(this.#eventsDeps, host as HostName, request);
      case 'evidence-post':
        return postEvidence(this.#evidenceDeps, host as HostName, request);
      case 'signed':
        return this.#signed(parameter);
      case 'fleet':
        return getFleet(this.#views);
      case 'host':
        return getHost(this.#views, parameter);
      case 'why':
        return getWhy(this.#views, parameter);
      case 'rollouts':
        return getRollouts(this.#views);
      case 'rollout':
        return getRollout(this.#views, parameter);
      case 'events':
        return getEvents(this.#views, query, request);
      case 'evidence':
        return getEvidence(this.#evidenceDeps, parameter, query);
      case 'refresh':
        this.refresh();
        return jsonResponse('{}', 202);
      case 'healthz':
        return jsonResponse('{"alive":true}');
      case 'readyz': {
        const readiness = this.readiness();
        return jsonResponse(JSON.stringify(readiness), readiness.ready ? 200 : 503);
      }
      case 'metrics':
        return scrape(this.metrics);
    }
  }

  #signed(path: string): ApiResponse {
    const bytes = isSignedPath(path) ? this.#intake.file(path) : null;
    if (!bytes) return errorResponse('not-found', 'there is no such file in releases/');
    const type = path.endsWith('.json') ? 'application/json' : 'application/octet-stream';
    const cache = isImmutablePath(path) ? 'private, max-age=31536000, immutable' : 'no-cache';
    return { status: 200, headers: { 'content-type': type, 'cache-control': cache }, body: bytes };
  }

  #failed(error: unknown): ApiResponse {
    const text = messageOf(error);
    if (error instanceof ControlPlaneError && (error.code === 'disk-full' || error.code === 'store-failed')) {
      this.metrics.storeFailures.inc();
      if (this.#storeProblem !== text) this.#options.log.error({ problem: text }, 'store');
      this.#storeProblem = text;
      return errorResponse('overloaded', 'the state cannot be written now: nothing of this request was kept', {
        retryAfterSeconds: 10,
      });
    }
    if (error instanceof ControlPlaneError && error.code === 'closed') {
      return errorResponse('not-ready', 'stopping', { retryAfterSeconds: 5 });
    }
    this.#options.log.error({ err: error }, 'request failed');
    return errorResponse('internal', 'this is a fault of the control plane; its log says more');
  }

  #releaseChanged(): void {
    const identities = this.#intake.current?.fleet.identities;
    for (const key of [...this.#unknown.keys()]) if (identities?.has(key)) this.#unknown.forget(key);
    const hosts = this.#intake.current?.fleet.document.hosts ?? {};
    const isDeclared = (host: HostName): boolean => Object.hasOwn(hosts, host);
    this.#presence.keepOnly(isDeclared);
    this.#bodies.keepOnly(isDeclared);
    this.onIdentitiesChanged();
    this.#planner.changed();
    this.#planner.wakeWithin(0);
  }

  #sources(): ViewSources {
    const problems = [
      this.#poller.problem,
      ...this.#intake.problems,
      this.#planner.problem,
      this.#storeProblem,
      this.#cluster?.problem ?? null,
    ];
    return {
      fleet: this.#intake.ctx.fleet,
      now: this.#intake.now(),
      tree: this.#intake.current,
      trustVersion: this.#intake.trust.document.version,
      published: this.#planner.published,
      records: this.#records,
      presence: this.#presence,
      problems: problems.filter((problem) => problem !== null),
      unknownKeys: this.#unknown.list(),
    };
  }
}

async function scrape({ registry }: Metrics): Promise<ApiResponse> {
  const headers = { 'content-type': registry.contentType, 'cache-control': 'no-store' };
  return { status: 200, headers, body: await registry.metrics() };
}

async function closing(answer: ApiResponse | Promise<ApiResponse>): Promise<ApiResponse> {
  return { ...(await answer), closes: true };
}
