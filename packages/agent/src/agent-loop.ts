import {
  type BootId,
  type CheckinReply,
  type CheckinRequest,
  type EventContent,
  type Instant,
  type JournalId,
  type JournalPosition,
  woken,
} from '@nixfleet/contracts';
import {
  applyEvent,
  givesUp,
  type HostInput,
  type HostMemory,
  type Intent,
  initialMemory,
  type StepResult,
  step,
  switchingPhases,
} from '@nixfleet/engine';
import { acceptedNews } from './accepted-news.ts';
import type { AgentLoopDeps, AgentWorkers } from './agent-loop-deps.ts';
import { Allowance, AllowancePerKind } from './allowance.ts';
import { checkpointOf, epochStart } from './checkpoint.ts';
import { DeadManWatch } from './dead-man-watch.ts';
import type { DocumentSource } from './document-source.ts';
import { AgentError, messageOf } from './errors.ts';
import { HeadExpiry } from './head-expiry.ts';
import { intentOf, isLate } from './intent.ts';
import type { JournalFound } from './journal.ts';
import { observe } from './observe.ts';
import { OwnBrakes } from './own-brakes.ts';
import { rebootPendingNews } from './reboot-pending.ts';
import { SerialQueue } from './serial-queue.ts';
import { outdated } from './spent-go.ts';
import { untilNextTickMs } from './tick-pace.ts';

/** Between two looks at what the machine runs, in milliseconds. */
const driftMs = 60_000;
/** Inputs kept while the disk is full; past it the oldest of workers that repeat themselves are dropped. */
const stalledMax = 256;
/** Longest reading of documents from one source, in milliseconds: one that stalls must not keep the others from being read. */
const readingMsMax = 3 * 60_000;
/** New heads that a control plane may tell of, refused documents that are journalled, and new journals at others' word. */
const heads = { burst: 30, refillMs: 30_000 };
const refusedDocuments = { burst: 12, refillMs: 1_200_000 };
const restorations = { burst: 1, refillMs: 24 * 3600_000 };

/**
 * The one place where state changes: facts are taken in one at a time, each step's events are durable in the journal
 * before its effects start. Reverting alone does not wait for the disk.
 */
export class AgentLoop {
  readonly #deps: AgentLoopDeps;
  #workers: AgentWorkers | null = null;
  #memory: HostMemory = initialMemory;
  #bootId: BootId = 'unknown' as BootId;
  /** Everything that touches the memory, in order. */
  #queue: Promise<void> = Promise.resolve();
  readonly #readings: SerialQueue;
  /** Events of steps that could not wait for the disk, as of when they happened: the state was folded with that. */
  #unwritten: (EventContent & { readonly at: Instant })[] = [];
  /** Facts whose events could not be written: taken in again with the next tick. */
  #stalled: HostInput[] = [];
  #contactMs: number | null = null;
  #driftMs = 0;
  /** The sleep between two ticks, which what happens meanwhile ends. */
  #nap = new AbortController();
  readonly #ownBrakes: OwnBrakes;
  readonly #headExpiry = new HeadExpiry();
  readonly #deadManWatch: DeadManWatch;
  readonly #heads: Allowance;
  readonly #restorations: Allowance;
  readonly #refusals: AllowancePerKind;

  constructor(deps: AgentLoopDeps) {
    this.#deps = deps;
    this.#readings = new SerialQueue(deps.clock, readingMsMax);
    this.#ownBrakes = new OwnBrakes(deps);
    this.#deadManWatch = new DeadManWatch(deps.host, deps.log);
    this.#heads = new Allowance(deps.clock, heads);
    this.#restorations = new Allowance(deps.clock, restorations);
    this.#refusals = new AllowancePerKind(deps.clock, refusedDocuments);
  }

  get memory(): HostMemory {
    return this.#memory;
  }

  /** Folds the journal, starts an epoch if there is none to go on with, and says what was found on the machine. */
  async begin(
    workers: AgentWorkers,
    found: { readonly journal: JournalFound; readonly hadState: boolean; readonly isFloorLost: boolean },
  ): Promise<void> {
    const { host, journal, agentVersion, log } = this.#deps;
    this.#workers = workers;
    this.#bootId = await host.bootId();
    const { running, bootDefault } = await observe(host);
    if (found.journal.kind === 'intact' || found.journal.kind === 'other-key') {
      const state = journal.entries.reduce((folded, { event }) => applyEvent(folded, event), this.#memory.state);
      this.#memory = { ...this.#memory, state };
      if (found.journal.tornBytes > 0) log('warn', 'a cut-off last line of the journal was dropped', found.journal);
      if (found.journal.kind === 'other-key') {
        log('warn', 'the host key is another one than before: a new journal is started');
        await this.#startEpochAfter('key-changed');
      }
    } else {
      if (found.journal.kind === 'corrupt') log('error', 'the journal is corrupt and was put aside', found.journal);
      await journal.startEpoch();
      const reason = found.journal.kind === 'absent' && !found.hadState ? 'first-contact' : 'state-lost';
      // What the machine boots is where a power cut leads, so it is what a revert goes to: as a rule what runs. A system
      // that runs and is not booted was never confirmed.
      const body = { reason, running, confirmed: bootDefault, agentVersion } as const;
      await this.#record([{ kind: 'journal-started', body }]);
    }
    if (found.isFloorLost) {
      const detail = 'anti-rollback state was not there: only a head younger than two hours is accepted';
      await this.#record([{ kind: 'floor-lost', body: { detail } }]);
    }
    // Before a deadline is taken up: a clock that is set before the first tick must not run it out either.
    await this.#attempt('clock', () => this.#ownBrakes.lookAtClock());
    const [deadMan, activation, wasBootOrdered] = [host.deadMan(), host.activation(), host.wasBootOrdered()];
    const seen = { deadMan: await deadMan, activation: await activation, wasBootOrdered: await wasBootOrdered };
    await this.#take({ type: 'started', running, bootDefault, bootId: this.#bootId, agentVersion, ...seen });
  }

  /** A worker's fact. */
  readonly submit = (input: HostInput): void => this.#enqueue(() => this.#take(input));

  /** Something to be journalled that is no fact of the host machine. */
  readonly report = (content: EventContent): void => {
    this.#deps.log('info', content.kind, { body: content.body });
    if (content.kind === 'document-refused' && !this.#refusals.tryTake(content.body.document)) return;
    const isAccepted = content.kind === 'release-accepted' || content.kind === 'trust-accepted';
    this.#enqueue(() => (isAccepted ? this.#tellAccepted() : this.#record([content])));
  };

  /** This host's state was brought back from an earlier time: a new epoch, visibly, with the whole state at its start. */
  readonly restored = (stale: JournalId, detail: string): void =>
    this.#enqueue(async () => {
      const { journal, log } = this.#deps;
      const { journal: id } = journal.position;
      // Two deliveries may find the same out.
      if (id !== stale) return;
      // Only so many old journals are kept, and they are evidence that the control plane may not have.
      if (!this.#restorations.tryTake()) {
        return log('error', 'this journal is said not to be the newest, again: it is kept', { detail });
      }
      log('error', 'this journal is not the newest: a new one is started', { detail });
      await this.#startEpochAfter('restored');
    });

  readonly contacted = (): void => {
    this.#contactMs = this.#deps.clock.monotonicMs();
  };

  async checkinRequest(): Promise<Omit<CheckinRequest, 'seen'>> {
    const { host, journal, agentVersion } = this.#deps;
    const running = await host.running();
    return { agentVersion, running, bootId: this.#bootId, journal: journal.position };
  }

  /** False where documents could not be read to their end, and where what is permitted was for a switch that has ended since. */
  async takeReply(reply: CheckinReply, askedAt: JournalPosition, signal: AbortSignal): Promise<boolean> {
    const { documents, permission, controlPlane } = this.#deps;
    this.contacted();
    if (reply.replayFrom) await this.#workers?.delivery.replayFrom(reply.replayFrom);
    if (documents === null || permission === null) return true;
    const isKnown = reply.head === documents.view?.head.sha256 && !isLate(documents);
    // What an idle host hears every two minutes: nothing is new, and nothing permitted.
    if (isKnown && reply.goId === null && permission.isNone && this.#readings.isIdle) return true;
    const isFollowed = await this.#readings
      .run(async (signal) => {
        const isNew = reply.head !== null && reply.head !== documents.view?.head.sha256;
        if (isNew && !this.#heads.tryTake()) return false;
        const outcome = isNew || isLate(documents) ? await documents.sync(controlPlane, signal) : 'unchanged';
        const how = { askedAt, isNewView: outcome === 'updated', source: controlPlane };
        return (await permission.take(reply, how, signal)) && outcome !== 'unreachable';
      }, signal)
      .catch((error: unknown) => this.#unwritable(error));
    this.refresh();
    return isFollowed;
  }

  /** Reads a mirror. */
  async readMirror(source: DocumentSource, signal: AbortSignal): Promise<void> {
    const { documents, permission } = this.#deps;
    if (documents === null || permission === null) return;
    // Not in the others' way: fetching a mirror may take minutes.
    if (!(await source.refresh(signal))) return;
    await this.#readings
      .run(async (signal) => {
        const outcome = await documents.sync(source, signal);
        if (outcome === 'updated') await permission.verify(source, signal);
      }, signal)
      .catch((error: unknown) => this.#unwritable(error));
    this.refresh();
  }

  /** Hands the machine the intent as it is now. */
  refresh(): void {
    this.#enqueue(async () => {
      await this.#readLocalHold();
      await this.#take({ type: 'intent', intent: this.#intent() });
      this.#nap.abort(woken);
    });
  }

  async recheck(signal: AbortSignal): Promise<Intent | null> {
    const answer = (await this.#workers?.checkin.again(signal)) ?? 'silence';
    await new Promise<void>((resolve) => this.#enqueue(() => this.#look().finally(resolve)));
    const intent = this.#intent();
    if (intent === null || answer === 'decided') return intent;
    if (answer === 'silence' && intent.policy.confirm.by === 'local') return intent;
    // Nobody said it again: a hold or halt of the meantime would not be known here.
    this.#endPermission();
    return { ...intent, hasGo: false, mayReboot: false };
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, time, documents } = this.#deps;
    signal.addEventListener('abort', () => this.#nap.abort(woken), { once: true });
    while (!signal.aborted) {
      this.#nap = new AbortController();
      await new Promise<void>((resolve) => this.#enqueue(async () => this.#tick().finally(resolve)));
      const ms = untilNextTickMs(this.#memory, time.now(), documents?.view?.head.document.expiresAt);
      await clock.sleep(ms, this.#nap.signal).catch(() => {});
    }
  }

  /** Resolves when everything that was submitted is taken in. */
  readonly settled = (): Promise<void> => this.#queue;

  /** Another journal, with the whole state of the one before at its start. */
  async #startEpochAfter(reason: 'restored' | 'key-changed'): Promise<void> {
    const { journal, agentVersion } = this.#deps;
    const { state } = this.#memory;
    const previous = journal.position;
    await journal.startEpoch();
    await this.#record(epochStart(reason, { state, previous, agentVersion }));
    this.#endPermission();
  }

  #enqueue(task: () => Promise<void>): void {
    this.#queue = this.#queue.then(task).catch((error: unknown) => {
      this.#deps.log('error', 'a step failed', { error: messageOf(error) });
    });
  }

  /** A floor or a document that cannot be written had no effect; it is read again later. */
  #unwritable(error: unknown): false {
    this.#deps.log('error', 'documents cannot be read or kept', { error: messageOf(error) });
    return false;
  }

  /** What cannot be read or written does not keep the rest from happening: deadlines least of all. */
  async #tick(): Promise<void> {
    const { host, clock, journal, documents, time } = this.#deps;
    const stalled = this.#stalled;
    this.#stalled = [];
    for (const input of stalled) await this.#take(input);
    await this.#attempt('floors', () => this.#tellAccepted());
    await this.#look();
    await this.#attempt('dead man', async () => {
      const report = await this.#deadManWatch.look(this.#memory.state.phase);
      if (report) await this.#take({ type: 'dead-man', report });
    });
    if (clock.monotonicMs() - this.#driftMs >= driftMs) {
      this.#driftMs = clock.monotonicMs();
      await this.#attempt('drift', async () => this.#take({ type: 'observed', ...(await observe(host)) }));
      await this.#attempt('reboot pending', async () => {
        const { state } = this.#memory;
        if (!switchingPhases.has(state.phase.name)) await this.#record(await rebootPendingNews(host, state));
      });
    }
    await this.#take({ type: 'intent', intent: this.#intent() });
    await this.#take({ type: 'tick' });
    await this.#attempt('expiry', async () => {
      for (const warning of this.#headExpiry.due(documents?.view?.head, time.now())) await this.#record([warning]);
    });
    if (journal.isCheckpointDue && !switchingPhases.has(this.#memory.state.phase.name)) {
      await this.#attempt('checkpoint', () => this.#record(checkpointOf(this.#memory.state)));
      await this.#attempt('archive', () => journal.archive());
    }
  }

  async #attempt(what: string, part: () => Promise<void>): Promise<void> {
    try {
      await part();
    } catch (error) {
      this.#deps.log('error', `${what}: failed`, { error: messageOf(error) });
    }
  }

  /** At what the machine itself may have against a start. */
  async #look(): Promise<void> {
    await this.#attempt('clock', () => this.#ownBrakes.lookAtClock());
    await this.#readLocalHold();
  }

  async #tellAccepted(): Promise<void> {
    const { floors } = this.#deps;
    if (floors) await this.#record(acceptedNews(floors.values, this.#memory.state));
  }

  #readLocalHold(): Promise<void> {
    const read = async () => this.#record(await this.#ownBrakes.readLocalHold(this.#memory.state));
    return this.#attempt('local hold', read);
  }

  #intent(): Intent | null {
    const { documents, permission, clock, time } = this.#deps;
    if (documents === null || permission === null) return null;
    const sinceContactMs = this.#contactMs === null ? null : clock.monotonicMs() - this.#contactMs;
    return intentOf(
      documents,
      permission,
      {
        localHold: this.#ownBrakes.localHold(this.#memory.state),
        trialEnded: this.#memory.state.trialEnded,
        isClockSynchronised: this.#ownBrakes.isClockSynchronised,
        secondsSinceContact: sinceContactMs === null ? null : sinceContactMs / 1000,
      },
      time.now(),
    );
  }

  /** One step: its events are durable before its effects start. */
  async #take(input: HostInput): Promise<void> {
    const before = this.#memory;
    const now = this.#deps.time.now();
    const result = step(before, input, { now });
    if (result.events.length > 0 && !(await this.#write(result, now))) {
      if (input.type === 'armed') return this.#standDown(input.id);
      const isRepeated = input.type === 'intent' || input.type === 'tick' || input.type === 'observed';
      if (!isRepeated && this.#stalled.length < stalledMax) this.#stalled.push(outdated(input));
      return;
    }
    this.#memory = result.memory;
    for (const { kind, body } of result.events) this.#deps.log('info', kind, { body });
    const { phase } = result.memory.state;
    this.#deps.time.follow(phase, this.#ownBrakes.isClockSynchronised);
    const isPhaseNew = phase.name !== before.state.phase.name;
    if (isPhaseNew) this.#deps.log('info', `now ${phase.name}`);
    // What was switched or booted may wait for a boot, or wait no more.
    if (isPhaseNew) this.#driftMs = Number.NEGATIVE_INFINITY;
    if (switchingPhases.has(before.state.phase.name) && !switchingPhases.has(phase.name)) this.#endPermission();
    if (isPhaseNew || result.memory.working.busy?.id !== before.working.busy?.id) this.#nap.abort(woken);
    this.#workers?.effects.cancelStale(result.memory.working);
    for (const effect of result.effects) this.#workers?.effects.run(effect);
    if (result.events.length > 0) this.#workers?.delivery.kick();
  }

  /** The switch that it was for is over, was given up, or not allowed when it came to it: the next one is asked for anew. */
  #endPermission(): void {
    this.#deps.permission?.end();
    this.#workers?.checkin.forgetGo();
  }

  /** Armed, and nothing may start: a dead man's switch must not run out while the journal waits for the disk. */
  async #standDown(id: number): Promise<void> {
    await this.#attempt('stand down', () => this.#deps.host.standDown());
    this.#stalled.push({ type: 'arm-refused', id, detail: 'the journal cannot be written' });
  }

  /** True when the events are durable, or must not be waited for. */
  async #write({ events, effects }: StepResult, at: Instant): Promise<boolean> {
    try {
      await this.#append(events, at);
      return true;
    } catch (error) {
      if (!(error instanceof AgentError)) throw error;
      this.#deps.log('error', 'the journal cannot be written', { code: error.code, error: error.message });
      const isReverting = effects.some(({ type }) => type === 'revert' || type === 'await-dead-man');
      if (isReverting) this.#unwritten.push(...events.map((event) => ({ ...event, at })));
      return isReverting;
    }
  }

  /** Events that are no step's: the state is the fold of the journal all the same. */
  async #record(contents: readonly EventContent[]): Promise<void> {
    if (contents.length === 0) return;
    // Once: what is journalled and what is remembered say the same time, however long the disk takes.
    const at = this.#deps.time.now();
    await this.#append(contents, at);
    const place = { at, bootId: this.#bootId };
    let { state } = this.#memory;
    for (const content of contents) state = applyEvent(state, { ...content, ...place });
    this.#memory = { ...this.#memory, state };
    this.#workers?.delivery.kick();
  }

  async #append(contents: readonly EventContent[], at: Instant): Promise<void> {
    await this.#deps.journal.append([...this.#unwritten, ...contents], { at, bootId: this.#bootId });
    this.#unwritten = [];
    if (contents.some(givesUp)) this.#endPermission();
  }
}
