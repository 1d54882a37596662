import {
  type ChannelName,
  Floor,
  type HeadFloor,
  Instant,
  type ParsedMessage,
  parseMessage,
  Sha256Hex,
} from '@nixfleet/contracts';
import { z } from 'zod';
import { AgentError, messageOf } from './errors.ts';
import type { Files } from './files.ts';

/** Most channels whose last accepted rollout is remembered: a host moves between few. */
const channelsMax = 64;
const bytesMax = 64 * 1024;

/** `floors.json`. An unknown field may be a floor that a newer agent raised: it is not passed over. */
const FloorsFile = z.strictObject({
  schemaVersion: z.literal(1),
  trust: Floor.nullable(),
  release: Floor.nullable(),
  head: Floor.extend({ keyIds: z.array(Sha256Hex).max(64) }).nullable(),
  /** Channel to `introducedIn` of the manifest that this host accepted last. */
  accepted: z.record(z.string().max(63), z.int().min(1)),
  /** Newest verified `signedAt`: time does not go back before it. */
  time: Instant.nullable(),
});

export function parseFloors(bytes: Uint8Array): ParsedMessage<z.infer<typeof FloorsFile>> {
  return parseMessage(FloorsFile, bytes);
}

/** Anti-rollback state: only ever raised, and only after all checks of a document passed. */
export interface FloorValues {
  readonly trust: Floor | null;
  readonly release: Floor | null;
  readonly head: HeadFloor | null;
  readonly accepted: ReadonlyMap<string, number>;
  readonly time: Instant | null;
}

export type FloorsFound = 'intact' | 'absent';

const none: FloorValues = { trust: null, release: null, head: null, accepted: new Map(), time: null };

export class Floors {
  readonly #files: Files;
  readonly #path: string;
  #values: FloorValues = none;
  /** Everything that writes, one after the other: one raise must not take back another's. */
  #writing: Promise<void> = Promise.resolve();

  private constructor(files: Files, path: string) {
    this.#files = files;
    this.#path = path;
  }

  /** Throws `AgentError` `floor-unreadable` for a file that is there and cannot be read: the caller must stop acting. */
  static async open(files: Files, path: string): Promise<{ readonly floors: Floors; readonly found: FloorsFound }> {
    const floors = new Floors(files, path);
    return { floors, found: await floors.#load() };
  }

  get values(): FloorValues {
    return this.#values;
  }

  /** Durable once it resolves. Throws `AgentError` and changes nothing when it cannot be written. */
  raise(change: Partial<FloorValues>): Promise<void> {
    return this.#inTurn(() => this.#raise(change));
  }

  async #raise(change: Partial<FloorValues>): Promise<void> {
    const next: FloorValues = { ...this.#values, ...change };
    const { trust, release, head, accepted, time } = next;
    const file: z.input<typeof FloorsFile> = {
      schemaVersion: 1,
      trust,
      release,
      head: head && { version: head.version, sha256: head.sha256, keyIds: [...head.keyIds] },
      accepted: Object.fromEntries([...accepted].slice(-channelsMax)),
      time,
    };
    await this.#files.write(this.#path, new TextEncoder().encode(`${JSON.stringify(file)}\n`));
    this.#values = next;
  }

  /** The rollout that this host is about to run was introduced in release `introducedIn`. */
  accept(channel: ChannelName, introducedIn: number): Promise<void> {
    return this.#inTurn(async () => {
      const before = this.#values.accepted.get(channel) ?? 0;
      if (introducedIn <= before) return;
      const accepted = new Map(this.#values.accepted);
      accepted.delete(channel);
      accepted.set(channel, introducedIn);
      await this.#raise({ accepted });
    });
  }

  #inTurn(task: () => Promise<void>): Promise<void> {
    const result = this.#writing.then(task);
    this.#writing = result.catch(() => {});
    return result;
  }

  async #load(): Promise<FloorsFound> {
    const bytes = await this.#files.read(this.#path, bytesMax).catch((error: unknown) => {
      throw unreadable(this.#path, messageOf(error), error);
    });
    if (bytes === null) return 'absent';
    const parsed = parseFloors(bytes);
    if (!parsed.ok) throw unreadable(this.#path, parsed.detail);
    const { trust, release, head, accepted, time } = parsed.value;
    this.#values = { trust, release, head, accepted: new Map(Object.entries(accepted)), time };
    return 'intact';
  }
}

function unreadable(path: string, why: string, cause?: unknown): AgentError {
  const message = `${path} cannot be read (${why}): expected this host's anti-rollback state; restore or examine it, and delete it only if the host may accept any current release`;
  return new AgentError('floor-unreadable', message, { cause });
}
