import {
  type BootId,
  canonicalize,
  type EventContent,
  type FleetName,
  type HostName,
  type Instant,
  type JournalEvent,
  JournalId,
  type JournalPosition,
  type Json,
  journalStart,
  type PublicKey,
  parseMessage,
  type Random,
  type Sha256Hex,
  type Signer,
  sha256Hex,
  type VerifyContext,
} from '@nixfleet/contracts';
import { z } from 'zod';
import { AgentError } from './errors.ts';
import type { Files } from './files.ts';
import { type JournalEntry, journalLines, readJournalLines } from './journal-lines.ts';
import { keyOfRecord, SigningKey, signingKeyRecord } from './signing-key-record.ts';

/** Largest journal file that is read, in bytes: some 100,000 events, kept while nobody acknowledges them. */
export const journalBytesMax = 64 * 1024 * 1024;
/**
 * Bytes from which on nothing more is appended (`journal-full`), so that a control plane that never acknowledges anything
 * cannot fill the disk: nothing new starts then, as on a full disk. What others can cause at will stops at the half.
 */
export const journalAppendBytesMax = 32 * 1024 * 1024;
const chattyKinds: ReadonlySet<EventContent['kind']> = new Set([
  'release-accepted',
  'document-refused',
  'withheld',
  'fetching',
  'probe',
]);
/** Events after a checkpoint before the next one is due. */
export const checkpointEvery = 200;
/** Old or corrupt journals that are kept beside the current one. */
const keptMax = 3;
/** Bytes from which on the part of a journal that nobody collects and that a checkpoint replaces is archived. */
export const archiveFromBytes = 4 * 1024 * 1024;
/** Archived parts that are kept on the host, each little more than `archiveFromBytes`: years of an ordinary host. */
export const archivesMax = 32;

export interface JournalOptions {
  readonly files: Files;
  /** Directory of its own. */
  readonly directory: string;
  readonly fleet: FleetName;
  readonly host: HostName;
  readonly signer: Signer;
  readonly ctx: VerifyContext;
  readonly random: Random;
  /** Default: `journalAppendBytesMax`. */
  readonly appendBytesMax?: number;
  /** False where there is no control plane: nothing is ever acknowledged, and `archive` bounds the file. Default: true. */
  readonly isCollected?: boolean;
  /** Default: `archiveFromBytes`. */
  readonly archiveFromBytes?: number;
}

/** What was found at the start. */
export type JournalFound =
  | { readonly kind: 'absent' }
  /** Complete and chained, its last event signed by this host's key. `tornBytes`: a cut-off last line was dropped. */
  | { readonly kind: 'intact'; readonly tornBytes: number }
  /**
   * The same, under the key that this host had before: it can be read and not continued, so a new epoch must be started.
   */
  | { readonly kind: 'other-key'; readonly tornBytes: number }
  /** Not readable in the middle: put aside, and a new epoch must be started. */
  | { readonly kind: 'corrupt'; readonly detail: string };

const Acknowledged = z.object({ journal: JournalId, seq: z.int().min(0) });

/**
 * The host's journal: one file, one signed event a line, appended with fsync before the event has any effect.
 * A last line without its newline was never acknowledged to anybody, so it had no effect and is dropped; anything else
 * that does not verify makes the whole file `corrupt`.
 */
export class Journal {
  readonly #options: JournalOptions;
  #entries: JournalEntry[] = [];
  #id: JournalId | null = null;
  #fileBytes = 0;
  /** The file may end in a part of a line, after a failed append. */
  #isTorn = false;
  #acknowledgedSeq = 0;
  /** Everything that writes, one after the other: the loop appends while a worker prunes and acknowledges. */
  #writing: Promise<unknown> = Promise.resolve();

  private constructor(options: JournalOptions) {
    this.#options = options;
  }

  static async open(options: JournalOptions): Promise<{ readonly journal: Journal; readonly found: JournalFound }> {
    const journal = new Journal(options);
    return { journal, found: await journal.#load() };
  }

  /** Every entry that is still kept, oldest first. */
  get entries(): readonly JournalEntry[] {
    return this.#entries;
  }

  get id(): JournalId | null {
    return this.#id;
  }

  /** The last event; seq 0 and zeroes while there is none. Throws before an epoch was started. */
  get position(): JournalPosition {
    if (this.#id === null) throw new AgentError('io', 'no journal was started');
    const last = this.#entries.at(-1);
    return { journal: this.#id, seq: last?.event.seq ?? 0, sha256: last?.sha256 ?? journalStart };
  }

  get acknowledgedSeq(): number {
    return this.#acknowledgedSeq;
  }

  /** A random identifier, and nothing before it: the file of the last epoch is put aside. */
  startEpoch(): Promise<JournalId> {
    return this.#inTurn(async () => {
      await this.#putAside();
      this.#id = JournalId.parse(Buffer.from(this.#options.random.bytes(16)).toString('hex'));
      this.#entries = [];
      this.#fileBytes = 0;
      this.#isTorn = false;
      this.#acknowledgedSeq = 0;
      await this.#rememberKey();
      return this.#id;
    });
  }

  /**
   * Durable once it resolves, all or nothing. Throws `AgentError` `disk-full`, `journal-full` or `io`, and then nothing was appended.
   */
  append(
    contents: readonly EventContent[],
    place: { readonly at: Instant; readonly bootId: BootId },
  ): Promise<readonly JournalEntry[]> {
    return this.#inTurn(() => this.#append(contents, place));
  }

  async #append(
    contents: readonly EventContent[],
    place: { readonly at: Instant; readonly bootId: BootId },
  ): Promise<readonly JournalEntry[]> {
    const { files, signer, ctx, appendBytesMax = journalAppendBytesMax } = this.#options;
    let { journal, seq, sha256 } = this.position;
    const added: JournalEntry[] = [];
    for (const content of contents) {
      const event = this.#eventOf(content, { journal, seq: seq + 1, prevSha256: sha256, ...place });
      const text = canonicalize(event as unknown as Json);
      const bytes = new TextEncoder().encode(text);
      sha256 = await sha256Hex(ctx.crypto, bytes);
      seq++;
      const signature = Buffer.from(await signer.sign(bytes)).toString('base64');
      added.push({ signed: { event: text, signature }, event, sha256 });
    }
    const lines = journalLines(added);
    const isChatty = contents.every(({ kind }) => chattyKinds.has(kind));
    const bytesMax = isChatty ? appendBytesMax / 2 : appendBytesMax;
    if (this.#fileBytes + lines.length > bytesMax) {
      throw new AgentError('journal-full', `${bytesMax} bytes of events are waiting to be acknowledged`);
    }
    if (this.#isTorn) await files.truncate(this.#path, this.#fileBytes);
    this.#isTorn = true;
    if (this.#fileBytes === 0) await files.write(this.#path, lines);
    else await files.append(this.#path, lines);
    this.#isTorn = false;
    this.#fileBytes += lines.length;
    this.#entries.push(...added);
    return added;
  }

  /** Entries from `seq` on, at most `eventsMax` and `bytesMax` of text; from the oldest kept one if `seq` was pruned. */
  batchFrom(seq: number, { eventsMax, bytesMax }: { readonly eventsMax: number; readonly bytesMax: number }) {
    const batch: JournalEntry[] = [];
    let bytes = 0;
    for (const entry of this.#entries) {
      if (entry.event.seq < seq) continue;
      // Quotes of the text are escaped inside the batch's JSON.
      bytes += JSON.stringify(entry.signed).length * 2 + 2;
      if (batch.length >= eventsMax || (batch.length > 0 && bytes > bytesMax)) break;
      batch.push(entry);
    }
    return batch;
  }

  entryAt(seq: number): JournalEntry | undefined {
    const first = this.#entries[0]?.event.seq ?? 0;
    return this.#entries[seq - first];
  }

  /**
   * Everything up to `seq` is stored elsewhere. Going back is allowed: the control plane may have lost its state.
   * Kept in memory where it cannot be written: forgetting it costs only that events are sent again.
   */
  async acknowledge(seq: number): Promise<void> {
    const journal = this.#id;
    if (journal === null || seq === this.#acknowledgedSeq) return;
    this.#acknowledgedSeq = seq;
    const known: z.input<typeof Acknowledged> = { journal, seq };
    await this.#inTurn(() => this.#writeJson('acknowledged.json', known));
  }

  get isCheckpointDue(): boolean {
    // What is kept begins with the newest checkpoint that was pruned to, or with the journal; asked at every tick.
    if (this.#entries.length < checkpointEvery) return false;
    const last = this.#entries.at(-1)?.event.seq ?? 0;
    const checkpoint = this.#newestCheckpoint()?.event.seq ?? 0;
    if (last - checkpoint < checkpointEvery) return false;
    return this.#options.isCollected === false || this.#acknowledgedSeq >= checkpoint;
  }

  /** Drops what is acknowledged and older than the newest checkpoint that is acknowledged too. */
  prune(): Promise<void> {
    return this.#inTurn(() => this.#prune());
  }

  async #prune(): Promise<void> {
    const checkpoint = this.#entries.findLast(
      ({ event }) => event.kind === 'checkpoint' && event.seq <= this.#acknowledgedSeq,
    );
    const first = this.#entries[0];
    if (!checkpoint || !first || checkpoint.event.seq === first.event.seq) return;
    await this.#keepFrom(checkpoint.event.seq);
  }

  /**
   * Where nobody collects this journal: moves what the newest checkpoint replaces into a file of its own, once it has grown to
   * `archiveFromBytes`. The archived parts and the journal, one after the other, are the whole chain. Throws like `append`.
   */
  archive(): Promise<void> {
    return this.#inTurn(() => this.#archive());
  }

  async #archive(): Promise<void> {
    const { files, directory, isCollected = true, archiveFromBytes: fromBytes = archiveFromBytes } = this.#options;
    const checkpoint = this.#newestCheckpoint();
    const first = this.#entries[0];
    if (isCollected || this.#fileBytes < fromBytes || !checkpoint || !first) return;
    const { seq } = checkpoint.event;
    if (seq === first.event.seq) return;
    // Sorts by age. Should the host stop before the journal is cut, the next attempt writes the same name again.
    const name = `archive-${first.event.at.replaceAll(/[^0-9]/g, '')}-${first.event.journal}-${first.event.seq}.jsonl`;
    await files.write(`${directory}/${name}`, journalLines(this.#entries.filter(({ event }) => event.seq < seq)));
    await this.#keepFrom(seq);
    const archived = (await files.list(directory)).filter((file) => file.startsWith('archive-'));
    const tooMany = archived.slice(0, Math.max(0, archived.length - archivesMax));
    for (const file of tooMany) await files.remove(`${directory}/${file}`);
  }

  async #keepFrom(seq: number): Promise<void> {
    const kept = this.#entries.filter(({ event }) => event.seq >= seq);
    const lines = journalLines(kept);
    await this.#options.files.write(this.#path, lines);
    this.#entries = kept;
    this.#fileBytes = lines.length;
    this.#isTorn = false;
  }

  #inTurn<Value>(task: () => Promise<Value>): Promise<Value> {
    const result = this.#writing.then(task);
    this.#writing = result.catch(() => {});
    return result;
  }

  get #path(): string {
    return `${this.#options.directory}/journal.jsonl`;
  }

  #newestCheckpoint(): JournalEntry | undefined {
    return this.#entries.findLast(({ event }) => event.kind === 'checkpoint');
  }

  #eventOf(
    content: EventContent,
    place: {
      readonly journal: JournalId;
      readonly seq: number;
      readonly prevSha256: Sha256Hex;
      readonly at: Instant;
      readonly bootId: BootId;
    },
  ): JournalEvent {
    const { fleet, host } = this.#options;
    const target = 'target' in content.body ? content.body.target : undefined;
    return {
      type: 'event',
      fleet,
      schemaVersion: 1,
      host,
      ...place,
      ...(target ? { rolloutId: target.rolloutId } : {}),
      ...withoutUndefined(content),
    } as JournalEvent;
  }

  async #load(): Promise<JournalFound> {
    const bytes = await this.#options.files.read(this.#path, journalBytesMax).catch((error: unknown) => {
      if (error instanceof AgentError && (error.code === 'io' || error.code === 'oversized')) return error;
      throw error;
    });
    if (bytes instanceof AgentError) return { kind: 'corrupt', detail: bytes.message };
    if (bytes === null) return { kind: 'absent' };
    const end = bytes.lastIndexOf(0x0a) + 1;
    // No whole line: the very first append was cut off.
    if (end === 0) return { kind: 'absent' };
    const { publicKey } = this.#options.signer;
    const lines = bytes.subarray(0, end);
    const detail = await this.#read(lines, publicKey);
    if (detail === null) {
      this.#fileBytes = end;
      this.#isTorn = end < bytes.length;
      await this.#loadAcknowledged();
      await this.#rememberKey();
      return { kind: 'intact', tornBytes: bytes.length - end };
    }
    const previous = await this.#rememberedKey();
    const isOfPrevious = previous !== null && (await this.#read(lines, previous)) === null;
    return isOfPrevious ? { kind: 'other-key', tornBytes: bytes.length - end } : { kind: 'corrupt', detail };
  }

  /** Null, or what is wrong; then there are no entries. */
  async #read(lines: Uint8Array, key: PublicKey): Promise<string | null> {
    const { ctx, host } = this.#options;
    const read = await readJournalLines(ctx, { host, key, lines });
    this.#entries = read.ok ? read.entries : [];
    if (read.ok) this.#id = read.journal;
    return read.ok ? null : read.detail;
  }

  async #loadAcknowledged(): Promise<void> {
    // Lost or unreadable costs only that events are sent again.
    const known = await this.#readJson('acknowledged.json', Acknowledged);
    if (known && known.journal === this.#id) this.#acknowledgedSeq = Math.min(known.seq, this.position.seq);
  }

  /**
   * So that after a change of the host key the journal of the one before can still be read. Where it cannot be written,
   * that change is told as lost state.
   */
  async #rememberKey(): Promise<void> {
    const { signer } = this.#options;
    const known = signingKeyRecord(signer.publicKey);
    if ((await this.#readJson('key.json', SigningKey))?.spki === known.spki) return;
    await this.#writeJson('key.json', known).catch((error: unknown) => {
      if (!(error instanceof AgentError)) throw error;
    });
  }

  async #rememberedKey(): Promise<PublicKey | null> {
    const known = await this.#readJson('key.json', SigningKey);
    return known && keyOfRecord(known);
  }

  /** Null where it is absent, unreadable or malformed: nothing that is kept so is needed to be safe. */
  async #readJson<Value>(name: string, schema: z.ZodType<Value>): Promise<Value | null> {
    const path = `${this.#options.directory}/${name}`;
    const bytes = await this.#options.files.read(path, 4096).catch((error: unknown) => {
      if (error instanceof AgentError) return null;
      throw error;
    });
    const parsed = bytes && parseMessage(schema, bytes);
    return parsed?.ok ? parsed.value : null;
  }

  async #putAside(): Promise<void> {
    const { files, directory, random } = this.#options;
    // Sorts by age; one that cannot be read says none.
    const last = this.#entries.at(-1)?.event.at.replaceAll(/[^0-9]/g, '') ?? '0';
    const name = `${last}-${this.#id ?? Buffer.from(random.bytes(4)).toString('hex')}`;
    const isThere = await files.rename(this.#path, `${directory}/old-${name}.jsonl`);
    if (!isThere) return;
    const old = (await files.list(directory)).filter((file) => file.startsWith('old-'));
    for (const file of old.slice(0, Math.max(0, old.length - keptMax))) await files.remove(`${directory}/${file}`);
  }

  async #writeJson(name: string, value: Json): Promise<void> {
    await this.#options.files.write(
      `${this.#options.directory}/${name}`,
      new TextEncoder().encode(`${JSON.stringify(value)}\n`),
    );
  }
}

/** Optional fields that are present but undefined have no canonical form. */
function withoutUndefined<Value>(value: Value): Value {
  return JSON.parse(JSON.stringify(value)) as Value;
}
