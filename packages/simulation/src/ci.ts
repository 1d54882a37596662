import {
  addSeconds,
  type Crypto,
  type HeadDocument,
  type Instant,
  msToInstant,
  SignerName,
  type TrustDocument,
} from '@nixfleet/contracts';
import { createTestFleet, type TestFleet, type TestIntent, type TestRelease } from '@nixfleet/testkit';
import type { Behaviour } from './behaviour.ts';
import type { Closures } from './closures.ts';
import type { Conduct } from './conduct.ts';

export const fleetName = 'demo';

export interface CiOptions {
  readonly crypto: Crypto;
  readonly closures: Closures;
  readonly intent: TestIntent;
  /** True time. */
  readonly now: () => number;
  /** A release, or a brake, was signed. */
  readonly onRelease: (release: TestRelease) => void;
  readonly onPublished: (published: Published) => void;
  readonly onHold: (sha256: string, channel: string, expiresAt: Instant) => void;
  readonly headSeconds: number;
}

/** What is published: one consistent state of `releases/`. */
export interface Published {
  readonly id: string;
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/** The people and pipelines that sign: releases, heads, holds and trust. Everything they publish is valid. */
export class Ci {
  readonly fleet: TestFleet;
  readonly #options: CiOptions;
  #published: Published | null = null;
  #version = 1;
  #releaseSigner = 'ci';
  #publications = 0;

  private constructor(fleet: TestFleet, options: CiOptions) {
    this.fleet = fleet;
    this.#options = options;
  }

  static async create(options: CiOptions): Promise<Ci> {
    const { crypto, intent, headSeconds, now } = options;
    const fleet = await createTestFleet({
      name: fleetName,
      now: msToInstant(now() - 60_000),
      crypto,
      intent,
      headSeconds,
    });
    return new Ci(fleet, options);
  }

  get published(): Published | null {
    return this.#published;
  }

  get intent(): TestIntent {
    return this.fleet.intent;
  }

  /**
   * New closures for these hosts, each turning out as `behaviourOf` says, its controls as `conductOf` does; `change` changes
   * more of the fleet.
   */
  async release(
    hosts: readonly string[],
    behaviourOf: (host: string) => Behaviour,
    change: (next: TestIntent) => void = () => {},
    conductOf: (host: string) => Conduct = () => 'passing',
  ): Promise<void> {
    const version = ++this.#version;
    const built = new Map(
      await Promise.all(
        hosts.map(
          async (host) =>
            [host, await this.#options.closures.build(host, version, behaviourOf(host), conductOf(host))] as const,
        ),
      ),
    );
    await this.#sign(async () => {
      const release = await this.#publish((next) => {
        for (const [name, closure] of built) {
          const host = next.hosts[name];
          if (host) Object.assign(host, { real: { ...closure }, attempt: 1 });
        }
        change(next);
      });
      this.#options.onRelease(release);
    });
  }

  /** The same closures once more, where they failed. */
  async retry(): Promise<void> {
    await this.#sign(async () => {
      const release = await this.#publish((next) => {
        for (const host of Object.values(next.hosts)) host.attempt++;
      });
      this.#options.onRelease(release);
    });
  }

  async hold(channel: string, seconds: number): Promise<void> {
    await this.#sign(async () => {
      const { sha256 } = await this.fleet.hold(channel, { seconds });
      this.#options.onHold(sha256, channel, addSeconds(this.fleet.now, seconds));
    });
  }

  /** A freeze of a channel from now on, in a release that changes nothing else. */
  async freeze(channel: string, seconds: number): Promise<void> {
    await this.#sign(async () => {
      const release = await this.#publish((next) => {
        const from = this.fleet.now;
        next.channels[channel]?.freezes.push({ from, to: addSeconds(from, seconds), reason: 'year-end' });
      });
      this.#options.onRelease(release);
    });
  }

  /** As whoever holds the keys of these labels; every one of them has to be wanted by the newest trust. */
  async releaseBy(
    signers: { readonly signedBy: readonly string[]; readonly approvedBy?: readonly string[] },
    change: (next: TestIntent) => void = () => {},
  ): Promise<void> {
    await this.#sign(async () => this.#options.onRelease(await this.fleet.publish(change, signers)));
  }

  /** One host tries something else for a while; or no more. */
  async tryOut(host: string, behaviour: Behaviour, seconds: number | null): Promise<void> {
    const real = await this.#options.closures.build(host, ++this.#version, behaviour);
    await this.#sign(async () => {
      const release = await this.#publish((next) => {
        const { [host]: _, ...others } = next.trials ?? {};
        const trial = seconds === null ? {} : { [host]: { real, expiresAt: addSeconds(this.fleet.now, seconds) } };
        next.trials = { ...others, ...trial };
      });
      this.#options.onRelease(release);
    });
  }

  /** The next trust document, and nothing signed anew. */
  async changeTrust(change: (draft: TrustDocument) => void): Promise<void> {
    await this.#sign(() => this.fleet.nextTrust(change));
  }

  async signHead(change?: (draft: HeadDocument) => void): Promise<void> {
    await this.#sign(() => this.fleet.signHead(change));
  }

  /** The release key is replaced: everything that is current is signed anew by the other one. */
  async rotateTrust(): Promise<void> {
    const next = this.#releaseSigner === 'ci' ? 'ci-spare' : 'ci';
    await this.#sign(async () => {
      await this.fleet.nextTrust((draft) => {
        draft.roles.release.signers = [SignerName.parse(next)];
      });
      this.#releaseSigner = next;
      const release = await this.#publish();
      this.#options.onRelease(release);
    });
  }

  #publish(change: (next: TestIntent) => void = () => {}): Promise<TestRelease> {
    return this.fleet.publish(change, { signedBy: [this.#releaseSigner] });
  }

  async #sign<Value>(act: () => Promise<Value>): Promise<Value> {
    this.fleet.now = msToInstant(this.#options.now());
    const value = await act();
    this.#publications++;
    this.#published = { id: String(this.#publications), files: new Map(this.fleet.files) };
    this.#options.onPublished(this.#published);
    return value;
  }
}
