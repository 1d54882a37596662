import {
  type CheckinRequest,
  type Clock,
  type HostName,
  type Instant,
  type JournalPosition,
  nearestInstant,
} from '@nixfleet/contracts';

interface Contact {
  /** Monotonic milliseconds; an instant is made of it only when somebody asks. */
  seenAtMs: number;
  heldCheckins: number;
  /** When it was last told to start; null: not since this start. */
  toldAtMs: number | null;
  /** What it said of itself at its last check-in; decides nothing but what to ask for. */
  agentVersion: string | null;
  claimed: JournalPosition | null;
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

  noteCheckin(host: HostName, { journal, agentVersion }: CheckinRequest): void {
    const contact = this.#contact(host);
    contact.claimed = journal;
    contact.agentVersion = agentVersion;
  }

  /** A go is handed out to it now: from now on it has its time to say what became of it. */
  noteTold(host: HostName): void {
    this.#contact(host).toldAtMs = this.#clock.monotonicMs();
  }

  toldAt(host: HostName): Instant | null {
    const toldAtMs = this.#contacts.get(host)?.toldAtMs ?? null;
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
    if (!contact) return false;
    return contact.heldCheckins > 0 || this.#clock.monotonicMs() - contact.seenAtMs < this.offlineAfterMs;
  }

  /** Whether it was in contact at all since this start. */
  wasSeen(host: HostName): boolean {
    return this.#contacts.has(host);
  }

  /**
   * Last contact; at the least the instant of this start, so that our own absence is not held against a host. Counted back
   * from now by the monotonic clock: a wall clock that is set makes nobody silent for longer than he was.
   */
  lastSeenAt(host: HostName): Instant {
    const contact = this.#contacts.get(host);
    const sinceMs = contact && contact.heldCheckins > 0 ? 0 : this.#clock.monotonicMs() - this.#lastSeenMs(contact);
    return nearestInstant(this.#clock.now() - sinceMs);
  }

  #lastSeenMs(contact: Contact | undefined): number {
    return Math.max(contact?.seenAtMs ?? this.#startedAtMs, this.#startedAtMs);
  }

  agentVersion(host: HostName): string | null {
    return this.#contacts.get(host)?.agentVersion ?? null;
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
    };
    this.#contacts.set(host, contact);
    return contact;
  }
}
