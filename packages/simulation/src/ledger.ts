import type {
  EventOf,
  Floor,
  HostPhaseName,
  HostTarget,
  Instant,
  JournalEvent,
  RolloutId,
  SignedEvent,
} from '@nixfleet/contracts';

const switching: ReadonlySet<HostPhaseName> = new Set([
  'activating',
  'rebooting',
  'confirming',
  'soaking',
  'reverting',
]);

export interface Accepted {
  readonly release: Floor;
  readonly head: Floor;
  readonly at: Instant;
  /** It had lost what it accepted before. */
  readonly isFloorLost: boolean;
}

/** What a host has durably written of itself, read from its disk: not through any code that is under test. */
export class Ledger {
  /** Rollouts that it signed to have converged on, with what. */
  readonly converged = new Map<RolloutId, HostTarget>();
  /** The newest of them was told again, with a checkpoint: it says nothing new. */
  isReceiptRepeated = false;
  readonly failed: EventOf<'failed'>[] = [];
  readonly confirmed = new Set<string>();
  /** Closures whose probes passed, by rollout. */
  readonly passed = new Map<string, EventOf<'probes-passed'>>();
  /** Newest `introducedIn` that it began to fetch, by channel. */
  readonly newest = new Map<string, number>();
  /** Documents that it accepted, oldest first. */
  readonly trusts: Floor[] = [];
  readonly accepted: Accepted[] = [];
  /** The newest switches that led nowhere, and when what runs was confirmed. */
  unconfirmed: EventOf<'unconfirmed'> | null = null;
  /** Until something else is begun: a host that comes back to it afterwards tries at once. */
  refused: EventOf<'refused'> | null = null;
  confirmedAt: Instant | null = null;
  /** Enforced probes of what runs that fail now. */
  readonly failing = new Set<string>();
  /** Since when enforced controls of what runs, which passed, do not any more; null: they do, or never did. */
  lapsedAt: Instant | null = null;
  /** The same, when the newest switch or boot began. */
  lapsedBefore: Instant | null = null;
  #hasPassed = false;
  #isFloorLost = false;
  /** Trials that began, and when the newest ends. */
  readonly trials: RolloutId[] = [];
  trialEndsAt: Instant | null = null;
  phase: HostPhaseName = 'pending';
  target: HostTarget | null = null;
  events = 0;
  #journal: string | null = null;
  #seq = 0;

  /** Events of these lines that were not seen before. */
  take(lines: Uint8Array): readonly JournalEvent[] {
    const fresh: JournalEvent[] = [];
    for (const line of new TextDecoder().decode(lines).split('\n')) {
      if (line === '') continue;
      const { event: text } = JSON.parse(line) as SignedEvent;
      const event = JSON.parse(text) as JournalEvent;
      if (event.journal === this.#journal && event.seq <= this.#seq) continue;
      this.#journal = event.journal;
      this.#seq = event.seq;
      fresh.push(event);
      this.#fold(event);
    }
    return fresh;
  }

  /** Its disk is of an earlier time. */
  restored(): void {
    this.#journal = null;
    this.#seq = 0;
    this.trusts.length = 0;
    this.accepted.length = 0;
  }

  /** In the midst of a switch, as the machine's users feel it. */
  get isSwitching(): boolean {
    return switching.has(this.phase);
  }

  #fold(event: JournalEvent): void {
    this.events++;
    const { kind } = event;
    if ('target' in event.body) {
      this.target = event.body.target;
      if (this.refused?.body.target.rolloutId !== this.target.rolloutId) this.refused = null;
    }
    if (kind === 'activating' || kind === 'rebooting' || kind === 'reverted') {
      this.lapsedBefore = this.lapsedAt;
      this.lapsedAt = null;
      this.#hasPassed = false;
    }
    switch (kind) {
      case 'journal-started':
        this.phase = 'pending';
        break;
      case 'checkpoint':
        this.phase = event.body.state.phase.name;
        break;
      case 'converged':
        this.isReceiptRepeated =
          this.phase === 'converged' &&
          this.converged.get(event.body.target.rolloutId)?.closure === event.body.target.closure;
        this.converged.set(event.body.target.rolloutId, event.body.target);
        // The power may go between the commit and its event: what then runs at its end was confirmed, and says so with this.
        this.confirmed.add(event.body.target.closure);
        this.phase = 'converged';
        break;
      case 'failed':
        // What a trial shows says nothing of a release.
        if (event.body.target.trialUntil === undefined) this.failed.push(event);
        this.phase = 'failed';
        break;
      case 'probe':
        if (event.body.status === 'fail' && event.body.mode === 'enforce') this.failing.add(event.body.check);
        else this.failing.delete(event.body.check);
        break;
      case 'trust-accepted':
        this.trusts.push(event.body.floor);
        break;
      case 'release-accepted':
        this.accepted.push({ ...event.body, at: event.at, isFloorLost: this.#isFloorLost });
        this.#isFloorLost = false;
        break;
      case 'floor-lost':
        this.#isFloorLost = true;
        break;
      case 'trying':
        this.trialEndsAt = event.body.deadline;
        this.trials.push(event.body.target.rolloutId);
        this.phase = kind;
        break;
      case 'confirmed':
        this.confirmed.add(event.body.target.closure);
        this.confirmedAt = event.at;
        this.unconfirmed = null;
        this.phase = 'soaking';
        break;
      case 'probes-passed':
        this.passed.set(event.body.target.closure, event);
        break;
      case 'fetching':
        if (event.body.target.trialUntil === undefined)
          this.newest.set(
            event.body.target.channel,
            Math.max(this.newest.get(event.body.target.channel) ?? 0, event.body.target.introducedIn),
          );
        this.phase = kind;
        break;
      case 'refused':
        this.refused = event;
        this.phase = kind;
        break;
      case 'unconfirmed':
        this.unconfirmed = event;
        this.phase = kind;
        break;
      case 'compliance-passed':
        this.lapsedAt = null;
        this.#hasPassed = true;
        break;
      case 'compliance-failure':
      case 'runtime-gate-error':
        if (event.body.mode === 'enforce' && this.#hasPassed) this.lapsedAt ??= event.at;
        break;
      case 'activating':
      case 'reverted':
        this.failing.clear();
        this.phase = kind;
        break;
      case 'withheld':
        // Nothing was changed yet: what it had begun to fetch it gives up.
        if (event.body.withheld !== null && this.phase === 'fetching') this.phase = 'pending';
        break;
      case 'deferred':
      case 'rebooting':
      case 'confirming':
      case 'reverting':
        this.phase = kind;
        break;
      default:
    }
  }
}
