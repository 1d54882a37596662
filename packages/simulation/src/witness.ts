import type { Go, HeadDocument, JournalEvent, RolloutId, StorePath } from '@nixfleet/contracts';
import { mayAcceptRelease, mayAcceptTrust } from './acceptance-rules.ts';
import { mayConfirm } from './compliance-rules.ts';
import { mayDispatch } from './dispatch-rules.ts';
import { Facts, StoredFacts } from './facts.ts';
import { startAt } from './fleet-shape.ts';
import { mayBeCalledFailed, mayBeDefault, mayRun, maySwitch } from './machine-rules.ts';
import { type Breach, type Broken, broken } from './rule.ts';
import { evidenceDirectory, stateDirectory } from './simulated-agent.ts';
import type { SimulatedFleet, Watchers } from './simulated-fleet.ts';
import { mayStart } from './start-rules.ts';
import { mayConverge, mayFetch } from './switch-rules.ts';

const startMs = Date.parse(startAt);
/** Longer than a check-in is held: who says nothing for so long was away, in milliseconds. */
const silenceMs = 150_000;
const journalPath = `${stateDirectory}/journal/journal.jsonl`;
const floorsPath = `${stateDirectory}/floors.json`;
const evidencePath = `${evidenceDirectory}/evidence.json`;
const headPath = `${stateDirectory}/documents/head.json`;

/** Sees everything that happens, keeps the facts, and judges each of them by the rules. The first breach ends the run. */
export class Witness {
  readonly facts = new Facts();
  breach: Breach | null = null;
  /** Hosts that the first breach concerns. */
  concerned: readonly string[] = [];
  /** What each host ran before the simulation began. */
  readonly #first = new Map<string, StorePath>();
  #fleet: SimulatedFleet | null = null;
  #news = 0;

  /** Before anything happens. */
  begin(fleet: SimulatedFleet): void {
    this.#fleet = fleet;
    for (const [name, { machine, publicLine }] of fleet.hosts) {
      this.facts.publicLines.set(name, publicLine);
      this.#first.set(name, machine.running);
      this.facts.ledger(name);
    }
  }

  readonly watchers: Watchers = {
    host: {
      running: (host, closure) => {
        if (this.facts.knowledge(host).changedTo !== closure) this.facts.knowledge(host).changedTo = null;
        const behaviour = this.#seen.closures.behaviourOf(closure);
        this.facts.knowledge(host).activatedAtMs = this.#nowMs;
        const conduct = this.#seen.closures.conductOf(closure);
        this.note(host, `runs ${closure.slice(44)} (${behaviour}${conduct === 'passing' ? '' : `, ${conduct}`})`);
        if (closure !== this.#firstOf(host)) this.judge(host, mayRun(this.facts, { host, closure, behaviour }));
      },
      switching: (host, closure, guardedTo) => {
        const isModified = this.#seen.host(host).machine.store.get(closure)?.isModified === true;
        this.judge(host, maySwitch(this.facts, { host, closure, guardedTo, first: this.#firstOf(host), isModified }));
      },
      booting: (host, closure, guardedTo) => {
        const isModified = this.#seen.host(host).machine.store.get(closure)?.isModified === true;
        const first = this.#firstOf(host);
        this.judge(host, maySwitch(this.facts, { host, closure, guardedTo, first, isModified, how: 'rebooting' }));
      },
      defaulting: (host, closure) => {
        const behaviour = this.#seen.closures.behaviourOf(closure);
        this.judge(host, mayBeDefault(this.facts, { host, closure, behaviour }));
      },
      written: (host, path, bytes) => {
        if (path === journalPath) {
          for (const event of this.facts.ledger(host).take(bytes)) this.#journalled(host, event);
        }
        if (path === headPath) this.#headRead(host, bytes);
        if (path === floorsPath) this.#floorsRaised(host, bytes);
        if (path === evidencePath) this.#collected(host, bytes);
      },
      restored: (host) => {
        this.facts.restored.add(host);
        this.facts.ledger(host).restored();
      },
      rewound: (host) => {
        const head = this.#seen.host(host).machine.disk.read(headPath);
        if (head === null) this.facts.knowledge(host).releaseKept = null;
        else this.#headRead(host, head);
      },
      held: (host, isHeld) => {
        this.facts.knowledge(host).locallyHeldSinceMs = isHeld ? this.#nowMs : null;
      },
      synchronised: (host, isSynchronised) => {
        this.facts.knowledge(host).unsynchronisedSinceMs = isSynchronised ? null : this.#nowMs;
      },
      unsafe: (host, isUnsafe) => {
        this.facts.knowledge(host).unsafeSinceMs = isUnsafe ? this.#nowMs : null;
      },
    },
    store: {
      appended: (entries) => {
        const { stored } = this.facts;
        for (const entry of entries) {
          if (entry.kind === 'event') this.#stored(entry.host, JSON.parse(entry.text) as JournalEvent);
          if (entry.kind === 'go' && entry.host !== null)
            stored.allowed(entry.host, (JSON.parse(entry.text) as { rolloutId: RolloutId }).rolloutId, this.#nowMs);
          if (entry.kind === 'fork') this.#forked(entry.host, entry.seq);
          if (entry.kind === 'rebuild') stored.beganAtMs ??= this.#nowMs;
        }
      },
      released: ({ files }) => this.facts.stored.released(files, this.#nowMs),
    },
    release: (release) => this.facts.released(release),
    published: (files) => {
      for (const [rolloutId, manifest] of this.facts.signed.published(files))
        this.facts.rollouts.set(rolloutId, manifest);
    },
    hold: (sha256, channel, expiresAt) => this.facts.holds.set(sha256, { channel, expiresAt }),
    answered: (host, path, body) => {
      this.facts.answers.set(host, this.#nowMs);
      if (path !== '/v1/signed/head.json') return;
      const head = this.facts.signed.headOf(body());
      if (head) this.facts.knowledge(host).headShownSignedMs = Date.parse(head.signedAt) - startMs;
    },
    contacted: (host) => {
      const before = this.facts.contacts.get(host) ?? Number.NEGATIVE_INFINITY;
      if (this.#nowMs - before > silenceMs) this.facts.backAtMs.set(host, this.#nowMs);
      this.facts.contacts.set(host, this.#nowMs);
      this.facts.stored.heard.add(host);
    },
    dispatched: (host, go) => this.#dispatched(host, go),
    stolen: () => {
      this.facts.isControlPlaneHonest = false;
    },
  };

  /** The control plane's disk is lost. */
  wiped(): void {
    this.facts.wiped();
    this.note(null, 'the control plane loses its disk');
  }

  /** Something is wrong with its machine now, for however short a time. */
  hindered(host: string): void {
    this.facts.knowledge(host).hinderedAtMs = this.#nowMs;
  }

  judge(host: string | null, breach: Broken): void {
    if (breach === null || this.breach) return;
    this.breach = breach;
    this.concerned = [...(host === null ? [] : [host]), ...breach.others];
    this.note(host, `BROKEN ${breach.invariant}: ${breach.text}`);
  }

  /** Grows with everything that hosts write, and with everything that is noted, but for what is as it was. */
  get happened(): number {
    return (this.#fleet?.timeline.count ?? 0) + this.#news;
  }

  note(host: string | null, text: string): void {
    this.#fleet?.timeline.note(host, text);
  }

  #journalled(host: string, event: JournalEvent): void {
    const { kind, body } = event;
    const closure = 'target' in body ? ` ${body.target.closure.slice(44)}` : '';
    // What is measured every hour of every host, and passes: among hundreds there is always one.
    if (kind === 'compliance-passed' && body.activation === null) return;
    this.#news++;
    if (kind !== 'probe' && kind !== 'withheld') this.note(host, `writes ${kind}${closure}`);
    if (kind === 'activating' || kind === 'rebooting') this.judge(host, mayStart(this.facts, host, event, this.#nowMs));
    if (kind === 'fetching') this.judge(host, mayFetch(this.facts, host, event, this.#nowMs));
    if (kind === 'trust-accepted') this.judge(host, mayAcceptTrust(this.facts, host, event));
    if (kind === 'release-accepted') this.judge(host, mayAcceptRelease(this.facts, host, event, this.#nowMs));
    if (kind === 'converged') {
      const { running } = this.#seen.host(host).machine;
      const behaviour = this.#seen.closures.behaviourOf(running);
      this.judge(host, mayConverge(this.facts, host, event, { running, behaviour }));
    }
    if (kind === 'confirmed') {
      const conduct = this.#seen.closures.conductOf(event.body.target.closure);
      this.judge(host, mayConfirm(this.facts, host, event, conduct));
    }
    if (kind === 'failed') {
      const behaviour = this.#seen.closures.behaviourOf(event.body.target.closure);
      const conduct = this.#seen.closures.conductOf(event.body.target.closure);
      this.judge(host, mayBeCalledFailed(this.facts, host, event, { behaviour, conduct, nowMs: this.#nowMs }));
    }
  }

  #stored(host: string, event: JournalEvent): void {
    const { body, kind } = event;
    this.facts.stored.measured(host, event, this.#nowMs);
    if (!('target' in body)) return;
    const { stored, everStored, rollouts } = this.facts;
    const key = StoredFacts.key(kind, host, body.target);
    everStored.add(key);
    if (kind === 'fetching') stored.begun.add(body.target.rolloutId);
    if (!stored.events.has(key)) stored.events.set(key, this.#nowMs);
    const manifest = rollouts.get(body.target.rolloutId);
    if (kind !== 'failed' || !manifest || body.target.trialUntil !== undefined) return;
    const isHalting = stored.failed(host, body.target, manifest, this.#nowMs);
    if (isHalting) this.note(null, `more failed in ${body.target.rolloutId.slice(0, 8)} than it bears`);
  }

  #forked(host: string, seq: number): void {
    if (this.facts.restored.has(host)) return;
    this.judge(host, broken('S13', `event ${seq} of ${host} was signed twice, with different content`));
  }

  #headRead(host: string, bytes: Uint8Array): void {
    const head = JSON.parse(new TextDecoder().decode(bytes)) as HeadDocument;
    const known = this.facts.knowledge(host);
    known.holds = new Map(head.holds.map((hash) => [hash, known.holds.get(hash) ?? this.#nowMs]));
    known.headExpiresAt = head.expiresAt;
    known.releaseKept = head.release.sha256;
  }

  #floorsRaised(host: string, bytes: Uint8Array): void {
    // Somebody may have spoilt them.
    const [, sha256] = /"head":\{"version":\d+,"sha256":"([0-9a-f]{64})"/.exec(new TextDecoder().decode(bytes)) ?? [];
    const known = this.facts.knowledge(host);
    if (sha256 !== undefined && sha256 !== known.acceptedHead?.sha256) {
      known.acceptedHead = { sha256, atMs: this.#nowMs };
    }
  }

  #collected(host: string, bytes: Uint8Array): void {
    // A drill cuts it off.
    const [, closure] = /"toplevel":"([^"]+)"/.exec(new TextDecoder().decode(bytes)) ?? [];
    if (closure !== undefined) this.facts.knowledge(host).collected = { closure, atMs: this.#nowMs };
  }

  #dispatched(host: string, go: Go): void {
    this.note(host, `is told to start ${go.rolloutId.slice(0, 8)}`);
    this.facts.knowledge(host).toldAtMs.set(go.rolloutId, this.#nowMs);
    this.judge(host, mayDispatch(this.facts, { host, go, nowMs: this.#nowMs, now: this.#seen.now }));
    this.facts.stored.begun.add(go.rolloutId);
  }

  get #seen(): SimulatedFleet {
    if (!this.#fleet) throw new Error('not begun');
    return this.#fleet;
  }

  get #nowMs(): number {
    return this.#fleet?.scheduler.nowMs ?? 0;
  }

  #firstOf(host: string): StorePath {
    const first = this.#first.get(host);
    if (first === undefined) throw new Error(`${host} is not known`);
    return first;
  }
}
