import {
  addSeconds,
  type Clock,
  entriesOf,
  type HostName,
  type Instant,
  instantToMs,
  type JournalPosition,
  type Withheld,
  woken,
} from '@nixfleet/contracts';
import { type HostDecision, isSwitching, type Plan, type PlannerViews, plan } from '@nixfleet/engine';
import { ControlPlaneError, messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { ReleaseIntake } from '../release/release-intake.ts';
import type { VerifiedTree } from '../release/verify-tree.ts';
import type { DecisionTerm } from '../store/store.ts';
import type { FleetRecords } from '../views/fleet-records.ts';
import type { Presence } from '../views/presence.ts';
import { type BuiltGo, type GoBuilder, type GoKey, type GoResult, goKeyId } from './go-builder.ts';
import { plannerRelease, plannerViews } from './planner-inputs.ts';

/** Changes within this time are planned for together, in milliseconds. */
export const coalesceMs = 50;
/** After a pass that failed, in milliseconds. */
const retryMs = 5000;
/** Longest sleep between two passes, in milliseconds: a wall clock that was set is noticed by then. */
const passIntervalMsMax = 60_000;

/** What check-ins are answered from. */
export interface PublishedHost {
  readonly decision: HostDecision;
  readonly go: BuiltGo | null;
}

/** The result of one planning pass. */
export interface Published {
  readonly now: Instant;
  readonly plan: Plan;
  readonly views: PlannerViews;
  readonly hosts: ReadonlyMap<HostName, PublishedHost>;
  /** How much of each host's journal it was made from; null: nothing yet. */
  readonly journals: ReadonlyMap<HostName, JournalPosition | null>;
}

/** Which of several control planes records what is allowed. */
export interface Leadership {
  /** Null: another one does. */
  readonly term: DecisionTerm | null;
  /** What was decided before is allowed no more once this is set: this one may not know what the others do. */
  readonly problem: string | null;
  /** A decision came too late: somebody else leads. */
  onFenced(): void;
}

export interface PlannerLoopOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly intake: ReleaseIntake;
  readonly records: FleetRecords;
  readonly presence: Presence;
  readonly goBuilder: GoBuilder;
  readonly rebuildSecondsMax: number;
  /** Who decides, where several control planes share a store; absent where this one decides alone. */
  readonly leadership?: Leadership;
  /** After every pass. */
  readonly onPublished: (published: Published) => void;
  readonly onPass: (milliseconds: number) => void;
  readonly onGos: (count: number) => void;
}

/**
 * The one task that decides. A full pass after every change and at every deadline; what it allows is recorded in the log
 * before anybody is told.
 */
export class PlannerLoop {
  readonly #options: PlannerLoopOptions;
  #published: Published | null = null;
  #problem: string | null = null;
  #dueAtMs: number | null = null;
  #nap = new AbortController();
  #isStopped = false;
  #running: Promise<void> = Promise.resolve();
  #lastTree: VerifiedTree | null = null;
  /** Changes that were told of, and how many of them the newest pass that ended knew. */
  #changes = 0;
  #planned = 0;
  #waiting: { readonly changes: number; readonly resolve: () => void }[] = [];

  constructor(options: PlannerLoopOptions) {
    this.#options = options;
  }

  get published(): Published | null {
    return this.#published;
  }

  get problem(): string | null {
    return this.#problem;
  }

  start(): void {
    this.wakeWithin(0);
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#nap.abort(woken);
    await this.#running;
  }

  /** Something that `plan` reads has changed. */
  changed(): void {
    this.#changes++;
    this.wakeWithin(coalesceMs);
  }

  /** Resolves once what is published knows every change that was told of by now, whether it could be planned for or not. */
  settled(): Promise<void> {
    const changes = this.#changes;
    if (this.#planned >= changes || this.#isStopped) return Promise.resolve();
    this.wakeWithin(0);
    return new Promise((resolve) => this.#waiting.push({ changes, resolve }));
  }

  wakeWithin(milliseconds: number): void {
    const atMs = this.#options.clock.monotonicMs() + milliseconds;
    if (this.#dueAtMs !== null && this.#dueAtMs <= atMs) return;
    this.#dueAtMs = atMs;
    this.#nap.abort(woken);
  }

  async #run(): Promise<void> {
    while (await this.#isDue()) {
      this.#dueAtMs = null;
      const before = this.#published;
      const changes = this.#changes;
      try {
        await this.#pass();
        this.#problem = null;
      } catch (error) {
        const problem = `planning failed: ${messageOf(error)}`;
        if (problem !== this.#problem) this.#options.log.error({ problem }, 'planner');
        this.#problem = problem;
        // A brake may be among what could not be planned for: what was allowed before it is allowed no more.
        if (before && this.#published === before) {
          this.#publish({ ...before, hosts: withoutGos(before.hosts, before.hosts.keys(), problem) });
        }
        this.wakeWithin(retryMs);
      }
      this.#noteSettled(changes);
    }
    this.#noteSettled(this.#changes);
  }

  #noteSettled(changes: number): void {
    this.#planned = changes;
    for (const waiting of this.#waiting) if (waiting.changes <= changes) waiting.resolve();
    this.#waiting = this.#waiting.filter((waiting) => waiting.changes > changes);
  }

  /** False once stopped. */
  async #isDue(): Promise<boolean> {
    const { clock } = this.#options;
    while (!this.#isStopped) {
      const left = (this.#dueAtMs ?? clock.monotonicMs() + passIntervalMsMax) - clock.monotonicMs();
      if (left <= 0) return true;
      this.#nap = new AbortController();
      await clock.sleep(left, this.#nap.signal).catch(() => {});
      this.#dueAtMs ??= this.#nap.signal.aborted ? null : clock.monotonicMs();
    }
    return false;
  }

  async #pass(): Promise<void> {
    const { intake, records, presence, clock, goBuilder, leadership } = this.#options;
    const tree = intake.current;
    if (!tree) return;
    if (leadership?.problem) throw new ControlPlaneError('store-failed', leadership.problem);
    const term = leadership?.term ?? null;
    const decides = leadership === undefined || term !== null;
    if (tree !== this.#lastTree) {
      goBuilder.reset();
      this.#lastTree = tree;
    }
    const now = intake.now();
    if (decides) await this.#keepRebuild(tree, now, term);
    // Whoever leads says first that the log has begun.
    if (records.isNew) return;
    const startedAtMs = clock.monotonicMs();
    const views = plannerViews(tree, { records, presence });
    const journals = new Map([...views.hosts.keys()].map((name) => [name, records.of(name).journal]));
    const planned = plan(plannerRelease(tree, intake, now), views, now);
    this.#options.onPass(clock.monotonicMs() - startedAtMs);
    const { hosts, fresh } = await this.#build(tree, planned, views);
    const published: Published = { now, plan: planned, views, hosts, journals };
    let isRecorded = fresh.size === 0;
    try {
      if (decides && !isRecorded) {
        isRecorded = await records.recordGos(fresh, now, term);
        if (isRecorded) this.#options.onGos(fresh.size);
        else leadership?.onFenced();
      }
    } catch (error) {
      // What is not recorded is not handed out; brakes and withdrawals still are.
      this.#publish({ ...published, hosts: withoutGos(hosts, fresh.keys(), messageOf(error)) });
      throw error;
    }
    const reason = 'the control plane that leads has not recorded it yet';
    this.#publish(isRecorded ? published : { ...published, hosts: withoutGos(hosts, fresh.keys(), reason) });
    this.#sleepUntil(planned.nextDeadline, now);
    if (decides) await records.checkpoint();
  }

  /** A log that has just begun waits for the hosts' journals; the wait ends for good once all of them are here. */
  async #keepRebuild(tree: VerifiedTree, now: Instant, term: DecisionTerm | null): Promise<void> {
    const { records, rebuildSecondsMax, log } = this.#options;
    if (records.isNew) {
      const until = addSeconds(now, rebuildSecondsMax);
      await records.beginRebuild({ until, releaseVersion: tree.release.document.version }, now, term);
      log.info({ until }, 'empty state: waiting for the journals of every host');
    }
    if (records.rebuild === null) return;
    if (entriesOf(tree.fleet.document.hosts).some(([name]) => !records.of(name).isReplayed)) return;
    try {
      await records.endRebuild(now, term);
      log.info('every host was heard');
    } catch (error) {
      // Nobody is unheard, so it changes no decision; the next pass tries again.
      log.warn({ problem: messageOf(error) }, 'the end of the rebuild was not recorded');
    }
  }

  /** Adds receipts to the gos. `fresh` are those not recorded yet. */
  async #build(tree: VerifiedTree, planned: Plan, views: PlannerViews) {
    const hosts = new Map<HostName, PublishedHost>();
    const fresh = new Map<HostName, GoKey>();
    // A wave shares its go, and so the reason why there is none: receipts are looked through once a pass.
    const results = new Map<string, GoResult>();
    for (const [name, decision] of planned.hosts) {
      if (!decision.go) {
        hosts.set(name, { decision, go: null });
        continue;
      }
      const key = goKeyId(decision.go);
      const built = results.get(key) ?? (await this.#options.goBuilder.build(tree, decision.go));
      results.set(key, built);
      if (!built.ok) {
        const withheld: Withheld = { code: 'wave', reason: `receipts: ${built.detail}`.slice(0, 1000) };
        hosts.set(name, { decision: { ...decision, go: null, withheld: [withheld] }, go: null });
        continue;
      }
      hosts.set(name, { decision, go: built.go });
      if (!this.#isRecorded(name, decision.go, views)) fresh.set(name, decision.go);
    }
    return { hosts, fresh };
  }

  /**
   * It stands in the log, and the host either has yet to say what became of it or is at work on it. A second try needs a
   * record of its own: without one the host would hold no slot from when it is told until its first event.
   */
  #isRecorded(name: HostName, go: GoKey, { hosts }: PlannerViews): boolean {
    const { lastGo, issued } = this.#options.records.of(name);
    if (lastGo === null || goKeyId(lastGo) !== goKeyId(go)) return false;
    return issued !== null || isSwitching(hosts.get(name));
  }

  #publish(published: Published): void {
    this.#published = published;
    this.#options.onPublished(published);
  }

  #sleepUntil(deadline: Instant | null, now: Instant): void {
    const { clock, presence } = this.#options;
    this.wakeWithin(passIntervalMsMax);
    if (deadline !== null) this.wakeWithin(instantToMs(deadline) - Math.max(clock.now(), instantToMs(now)));
    const offline = presence.nextOfflineMs();
    if (offline !== null) this.wakeWithin(offline + 1);
  }
}

/** The same decisions, with nothing allowed to `names`, and the reason why. */
function withoutGos(hosts: Published['hosts'], names: Iterable<HostName>, reason: string): Published['hosts'] {
  const changed = new Map(hosts);
  for (const name of names) {
    const known = hosts.get(name);
    if (!known?.go) continue;
    const withheld: Withheld = { code: 'no-go', reason: `nothing can be allowed now: ${reason}`.slice(0, 1000) };
    changed.set(name, { decision: { ...known.decision, go: null, withheld: [withheld] }, go: null });
  }
  return changed;
}
