import {
  type CheckinRequest,
  type Clock,
  type HostName,
  type Instant,
  instantToMs,
  type JournalPosition,
  latest,
  nearestInstant,
} from '@nixfleet/contracts';
import type { MemberId } from '../store/store.ts';

interface Contact {
  /** Monotonic milliseconds; an instant is made of it only when somebody asks. */
  seenAtMs: number;
  heldCheckins: number;
  /** When it was last told to start; null: not since this start. */
  toldAtMs: number | null;
  /** What it said of itself at its last check-in; decides nothing but what to ask for. */
  agentVersion: string | null;
  claimed: JournalPosition | null;
  fetching: CheckinRequest['fetching'];
}

/** What another control plane says of a host that is, or was, in contact with it. */
export interface ReportedContact {
  readonly isOnline: boolean;
  /** By the other's wall clock. */
  readonly toldAt: Instant | null;
  readonly agentVersion: string | null;
}

interface RemoteContact extends ReportedContact {
  /** When it was online last, by our monotonic clock: as long as it is, now. */
  readonly seenAtMs: number;
}

/**
 * Who is there. Kept in memory alone: an idle fleet writes nothing. A host is online while a check-in of it is held, and
 * for a while after each contact.
 */
export class Presence {
  readonly #clock: Clock;
  readonly offlineAfterMs: number;
  readonly #startedAtMs: number;
  readonly #contacts = new Map<HostName, Contact>();
  /** By the control plane that reported them, where several share a store. */
  readonly #remote = new Map<MemberId, ReadonlyMap<HostName, RemoteContact>>();

  constructor({ clock, offlineAfterSeconds }: { readonly clock: Clock; readonly offlineAfterSeconds: number }) {
    this.#clock = clock;
    this.offlineAfterMs = offlineAfterSeconds * 1000;
    this.#startedAtMs = clock.monotonicMs();
  }

  /** A request of this host came. True if it was offline before. */
  note(host: HostName): boolean {
    const wasOnline = this.isOnline(host);
    const contact = this.#contact(host);
    contact.seenAtMs = this.#clock.monotonicMs();
    return !wasOnline;
  }

  noteCheckin(host: HostName, { journal, agentVersion, fetching }: CheckinRequest): void {
    const contact = this.#contact(host);
    contact.claimed = journal;
    contact.agentVersion = agentVersion;
    contact.fetching = fetching;
  }

  /** A go is handed out to it now: from now on it has its time to say what became of it. */
  noteTold(host: HostName): void {
    this.#contact(host).toldAtMs = this.#clock.monotonicMs();
  }

  toldAt(host: HostName): Instant | null {
    const own = this.#ownToldAt(this.#contacts.get(host));
    return this.#remoteOf(host).reduce((last, { toldAt }) => laterOf(last, toldAt), own);
  }

  #ownToldAt(contact: Contact | undefined): Instant | null {
    const toldAtMs = contact?.toldAtMs ?? null;
    return toldAtMs === null ? null : nearestInstant(this.#clock.now() - (this.#clock.monotonicMs() - toldAtMs));
  }

  hold(host: HostName): void {
    this.#contact(host).heldCheckins++;
  }

  release(host: HostName): void {
    const contact = this.#contact(host);
    contact.heldCheckins = Math.max(0, contact.heldCheckins - 1);
    contact.seenAtMs = this.#clock.monotonicMs();
  }

  isOnline(host: HostName): boolean {
    const contact = this.#contacts.get(host);
    if (contact && this.#isOnlineHere(contact)) return true;
    return this.#remote.size > 0 && this.#remoteOf(host).some(({ isOnline }) => isOnline);
  }

  #isOnlineHere({ heldCheckins, seenAtMs }: Contact): boolean {
    return heldCheckins > 0 || this.#clock.monotonicMs() - seenAtMs < this.offlineAfterMs;
  }

  /** Whether it was in contact at all since this start. */
  wasSeen(host: HostName): boolean {
    return this.#contacts.has(host) || this.#remoteOf(host).length > 0;
  }

  #remoteOf(host: HostName): readonly RemoteContact[] {
    if (this.#remote.size === 0) return none;
    return [...this.#remote.values()].flatMap((contacts) => contacts.get(host) ?? []);
  }

  /** What this control plane tells the others. */
  report(): Map<HostName, ReportedContact> {
    return new Map(
      [...this.#contacts].map(([host, contact]) => [
        host,
        {
          isOnline: this.#isOnlineHere(contact),
          toldAt: this.#ownToldAt(contact),
          agentVersion: contact.agentVersion,
        },
      ]),
    );
  }

  /** What another control plane tells, in place of what it told before. */
  noteReport(member: MemberId, contacts: ReadonlyMap<HostName, ReportedContact>): void {
    const before = this.#remote.get(member);
    const now = this.#clock.monotonicMs();
    const noted = new Map<HostName, RemoteContact>();
    for (const [host, contact] of contacts) {
      const known = before?.get(host);
      // It is told to be offline only after its time of grace: that long ago it was there.
      const wentOffline = known?.isOnline ? now - this.offlineAfterMs : (known?.seenAtMs ?? this.#startedAtMs);
      noted.set(host, { ...contact, seenAtMs: contact.isOnline ? now : wentOffline });
    }
    this.#remote.set(member, noted);
  }

  /** It is gone; who was in contact with it has the usual time to come to another. */
  forgetMember(member: MemberId): void {
    const now = this.#clock.monotonicMs();
    for (const [host, { isOnline, toldAt }] of this.#remote.get(member) ?? []) {
      const contact = this.#contact(host);
      if (isOnline) contact.seenAtMs = Math.max(contact.seenAtMs, now);
      if (toldAt === null) continue;
      const toldAtMs = now - Math.max(0, this.#clock.now() - instantToMs(toldAt));
      contact.toldAtMs = Math.max(contact.toldAtMs ?? toldAtMs, toldAtMs);
    }
    this.#remote.delete(member);
  }

  /**
   * Last contact; at the least the instant of this start, so that our own absence is not held against a host. Counted back
   * from now by the monotonic clock: a wall clock that is set makes nobody silent for longer than he was.
   */
  lastSeenAt(host: HostName): Instant {
    const contact = this.#contacts.get(host);
    if (contact && contact.heldCheckins > 0) return nearestInstant(this.#clock.now());
    const now = this.#clock.monotonicMs();
    const seenAtMs = this.#remoteOf(host).reduce(
      (last, remote) => Math.max(last, remote.isOnline ? now : remote.seenAtMs),
      this.#lastSeenMs(contact),
    );
    return nearestInstant(this.#clock.now() - (now - seenAtMs));
  }

  #lastSeenMs(contact: Contact | undefined): number {
    return Math.max(contact?.seenAtMs ?? this.#startedAtMs, this.#startedAtMs);
  }

  agentVersion(host: HostName): string | null {
    const own = this.#contacts.get(host)?.agentVersion ?? null;
    return own ?? this.#remoteOf(host).find(({ agentVersion }) => agentVersion !== null)?.agentVersion ?? null;
  }

  /** How far it said its fetch was. */
  fetching(host: HostName): CheckinRequest['fetching'] {
    return this.#contacts.get(host)?.fetching;
  }

  claimed(host: HostName): JournalPosition | null {
    return this.#contacts.get(host)?.claimed ?? null;
  }

  /** Milliseconds until the next host that is online only by its last contact goes offline; null without one. */
  nextOfflineMs(): number | null {
    const now = this.#clock.monotonicMs();
    let next: number | null = null;
    for (const { heldCheckins, seenAtMs } of this.#contacts.values()) {
      const left = seenAtMs + this.offlineAfterMs - now;
      if (heldCheckins === 0 && left > 0 && (next === null || left < next)) next = left;
    }
    return next;
  }

  /** Hosts that are declared no longer. */
  keepOnly(isDeclared: (host: HostName) => boolean): void {
    for (const host of this.#contacts.keys()) if (!isDeclared(host)) this.#contacts.delete(host);
  }

  #contact(host: HostName): Contact {
    const known = this.#contacts.get(host);
    if (known) return known;
    const contact: Contact = {
      seenAtMs: Number.NEGATIVE_INFINITY,
      heldCheckins: 0,
      toldAtMs: null,
      agentVersion: null,
      claimed: null,
      fetching: undefined,
    };
    this.#contacts.set(host, contact);
    return contact;
  }
}

const none: readonly RemoteContact[] = [];

function laterOf(a: Instant | null, b: Instant | null): Instant | null {
  return a === null || b === null ? (a ?? b) : latest(a, b);
}
