import type { Go, HeadDocument, Instant, JournalEvent, StorePath } from '@nixfleet/contracts';
import { type Facts, StoredFacts } from './facts.ts';
import { type Broken, isHalted, mayBeCalledFailed, mayDispatch, mayRun, mayStart, remembersHalt } from './rules.ts';
import { stateDirectory } from './simulated-agent.ts';
import type { SimulatedFleet, Watchers } from './simulated-fleet.ts';

const journalPath = `${stateDirectory}/journal/journal.jsonl`;
const headPath = `${stateDirectory}/documents/head.json`;

/** Sees everything that happens, keeps the facts, and judges each of them by the rules. The first breach ends the run. */
export class Witness {
  readonly facts: Facts;
  broken: Exclude<Broken, null> | null = null;
  /** Hosts that the first breach concerns. */
  concerned: readonly string[] = [];
  /** Rollouts that were halted when the control plane lost its state. */
  readonly #forgotten = new Set<string>();
  /** What each host ran before the simulation began. */
  readonly #first = new Map<string, StorePath>();
  readonly #everStored = new Set<string>();
  #fleet: SimulatedFleet | null = null;

  constructor(facts: Facts) {
    this.facts = facts;
  }

  /** Before anything happens. */
  begin(fleet: SimulatedFleet): void {
    this.#fleet = fleet;
    for (const [name, { machine }] of fleet.hosts) this.#first.set(name, machine.running);
  }

  readonly watchers: Watchers = {
    host: {
      running: (host, closure) => {
        this.#note(host, `runs ${closure.slice(44)} (${this.#fleet?.closures.behaviourOf(closure)})`);
        const first = this.#first.get(host);
        if (first) this.#judge([host], mayRun(this.facts, host, closure, first));
      },
      switching: (host, closure, guardedTo) => {
        const first = this.#first.get(host);
        const isGuarded =
          guardedTo !== null && (guardedTo === first || this.facts.ledger(host).confirmed.has(guardedTo));
        const text = `${host} switches to ${closure} with ${guardedTo ?? 'nothing'} to go back to`;
        this.#judge([host], isGuarded || this.facts.restored.has(host) ? null : { invariant: 'S10', text });
      },
      defaulting: (host, closure) => this.#judge([host], this.#isProven(host, closure)),
      written: (host, path, bytes) => {
        if (path === journalPath)
          for (const event of this.facts.ledger(host).take(bytes)) this.#journalled(host, event);
        if (path === headPath) this.#headRead(host, bytes);
      },
      restored: (host) => {
        this.facts.restored.add(host);
        this.facts.ledger(host).restored();
      },
    },
    store: {
      appended: (entries) => {
        for (const entry of entries) {
          if (entry.kind === 'event') this.#stored(entry.host, JSON.parse(entry.text) as JournalEvent);
          if (entry.kind === 'fork') this.#forked(entry.host, entry.seq);
        }
      },
      released: ({ files }) => {
        const head = files.get('head.json');
        if (head) this.facts.stored.head = { document: JSON.parse(new TextDecoder().decode(head)), atMs: this.#nowMs };
      },
    },
    release: (release) => this.facts.released(release),
    hold: (sha256, channel, expiresAt) => this.facts.holds.set(sha256, { channel, expiresAt }),
    dispatched: (host, go) => this.#dispatched(host, go),
  };

  /** The control plane's disk is lost. */
  wiped(): void {
    for (const rolloutId of this.facts.stored.haltedAtMs.keys()) this.#forgotten.add(rolloutId);
    this.facts.stored = new StoredFacts();
    this.#note(null, 'the control plane loses its disk');
  }

  judge(hosts: readonly string[], broken: Broken): void {
    this.#judge(hosts, broken);
  }

  #journalled(host: string, event: JournalEvent): void {
    const { kind, body } = event;
    const closure = 'target' in body ? ` ${body.target.closure.slice(44)}` : '';
    if (kind !== 'probe' && kind !== 'withheld') this.#note(host, `writes ${kind}${closure}`);
    if (kind === 'activating') this.#judge([host], mayStart(this.facts, host, event, this.#nowMs));
    if (kind === 'failed' && this.#fleet) {
      this.#judge([host], mayBeCalledFailed(host, event, this.#fleet.closures.behaviourOf(event.body.target.closure)));
    }
  }

  #stored(host: string, event: JournalEvent): void {
    const { body, kind } = event;
    if (!('target' in body)) return;
    const { stored } = this.facts;
    const { rolloutId } = body.target;
    const key = StoredFacts.key(kind, host, body.target);
    this.#everStored.add(key);
    if (!stored.events.has(key)) stored.events.set(key, this.#nowMs);
    if (kind !== 'failed') return;
    const failed = stored.failed.get(rolloutId) ?? new Set();
    stored.failed.set(rolloutId, failed.add(host));
    if (isHalted(this.facts, rolloutId, failed.size) && !stored.haltedAtMs.has(rolloutId)) {
      stored.haltedAtMs.set(rolloutId, this.#nowMs);
      this.#note(null, `more failed in ${rolloutId.slice(0, 8)} than it bears`);
    }
  }

  #forked(host: string, seq: number): void {
    const text = `event ${seq} of ${host} was signed twice, with different content`;
    this.#judge([host], this.facts.restored.has(host) ? null : { invariant: 'S13', text });
  }

  #headRead(host: string, bytes: Uint8Array): void {
    const head = JSON.parse(new TextDecoder().decode(bytes)) as HeadDocument;
    const known = this.facts.heldSince.get(host);
    const holds = new Map<string, number>();
    for (const hash of head.holds) holds.set(hash, known?.get(hash) ?? this.#nowMs);
    this.facts.heldSince.set(host, holds);
  }

  #dispatched(host: string, go: Go): void {
    this.#note(host, `is told to start ${go.rolloutId.slice(0, 8)}`);
    const dispatch = { host, go };
    this.#judge(
      [host],
      mayDispatch(this.facts, dispatch, this.#nowMs, this.#now) ?? remembersHalt(dispatch, this.#forgotten),
    );
  }

  #isProven(host: string, closure: StorePath): Broken {
    const passed = this.facts.ledger(host).passed.get(closure);
    if (passed && this.#everStored.has(StoredFacts.key('probes-passed', host, passed.body.target))) return null;
    return { invariant: 'S11', text: `${host} makes ${closure} its boot default before that was accepted` };
  }

  #judge(hosts: readonly string[], broken: Broken): void {
    if (broken === null || this.broken) return;
    this.broken = broken;
    this.concerned = [...hosts, ...(broken.others ?? [])];
    this.#note(hosts[0] ?? null, `BROKEN ${broken.invariant}: ${broken.text}`);
  }

  get #nowMs(): number {
    return this.#fleet?.scheduler.nowMs ?? 0;
  }

  get #now(): Instant {
    if (!this.#fleet) throw new Error('not begun');
    return this.#fleet.now;
  }

  #note(host: string | null, text: string): void {
    this.#fleet?.timeline.note(host, text);
  }
}
