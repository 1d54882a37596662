import { join } from 'node:path';
import {
  addSeconds,
  collectionFiles,
  type EvidenceDocument,
  evidenceChainStart,
  formatOpensshPublicLine,
  type HostName,
  type Instant,
  JournalId,
  type PublicKey,
  type Random,
  type Sha256Hex,
  type VerifyContext,
} from '@nixfleet/contracts';
import { type EvidenceSignatures, positionOf, type VerifiedEvidence } from '@nixfleet/evidence';
import type { Files } from '../files.ts';
import { archiveDirectory, archivedAt, archiveName, namesOfChain, parseArchiveName, timeOf } from './archive-name.ts';
import { chainOf, readEvidence, verifyOwnEvidence } from './kept-evidence.ts';

/** Most documents that are kept, whatever the retention: an hourly collection for a year, and some. */
export const archiveDocumentsMax = 10_000;
/** Documents that are read from the end, to find the one that the chain goes on from. */
const looksMax = 4;

export interface ChainLink {
  readonly chain: JournalId;
  readonly sequence: number;
  readonly previousSha256: Sha256Hex;
}

export interface EvidenceArchiveOptions {
  readonly files: Files;
  readonly directory: string;
  readonly ctx: VerifyContext;
  readonly host: HostName;
  readonly ownKey: PublicKey;
  readonly random: Random;
}

/** What a collector signed, one file a document, and a copy of the newest at a fixed place. */
export class EvidenceArchive {
  readonly #options: EvidenceArchiveOptions;

  constructor(options: EvidenceArchiveOptions) {
    this.#options = options;
  }

  /**
   * Where the next document stands: after the newest whole one that our own key signed. A document that was being written when
   * the machine stopped is passed over. Where none can be read a new chain begins, visibly; and so it does after one of a clock that
   * was ahead: once its time has come it counts again, and no number of a chain is given twice.
   */
  async next(now: Instant): Promise<ChainLink> {
    for (const name of await this.#candidates()) {
      const found = await this.#verified(name, now);
      if (found === 'ahead') break;
      if (found === null) continue;
      const { chain, sequence, sha256 } = positionOf(found);
      return { chain: JournalId.parse(chain), sequence: sequence + 1, previousSha256: sha256 };
    }
    const chain = JournalId.parse(Buffer.from(this.#options.random.bytes(16)).toString('hex'));
    return { chain, sequence: 1, previousSha256: evidenceChainStart };
  }

  /** Signatures before the document, the archive before the copy: whatever is cut off leaves the chain readable. */
  async keep(
    document: EvidenceDocument,
    bytes: Uint8Array,
    { sig, sshsig }: EvidenceSignatures,
    retentionDays: number,
  ): Promise<void> {
    const { files, directory, ownKey } = this.#options;
    const at = join(directory, archiveDirectory, archiveName(document));
    const write = (path: string, content: Uint8Array | string): Promise<void> =>
      files.write(path, typeof content === 'string' ? new TextEncoder().encode(content) : content, 'everybody');
    await write(`${at}.sig`, sig);
    await write(`${at}.sshsig`, sshsig);
    await write(at, bytes);
    await write(join(directory, collectionFiles.sig), sig);
    await write(join(directory, collectionFiles.sshsig), sshsig);
    await write(join(directory, collectionFiles.evidence), bytes);
    await write(join(directory, collectionFiles.publicKey), `${formatOpensshPublicLine(ownKey)}\n`);
    await this.#expire(addSeconds(document.collectedAt, -retentionDays * 86_400));
  }

  /** Of the chain that was written last, then of all, the newest first. */
  async #candidates(): Promise<readonly string[]> {
    const { files, directory } = this.#options;
    const names = await this.#names();
    const copy = await readEvidence(files, archivedAt(join(directory, collectionFiles.evidence)));
    const chain = copy && chainOf(copy);
    const own = chain === null ? [] : namesOfChain(names, chain).map(({ name }) => name);
    return [...own.slice(-looksMax).reverse(), ...names.slice(-looksMax).reverse()];
  }

  async #expire(before: Instant): Promise<void> {
    const names = await this.#names();
    const oldest = timeOf(before);
    const expired = names.filter(
      (name, i) => (parseArchiveName(name)?.time ?? '') < oldest || names.length - i > archiveDocumentsMax,
    );
    for (const name of expired) {
      const at = join(this.#options.directory, archiveDirectory, name);
      for (const path of Object.values(archivedAt(at))) await this.#options.files.remove(path);
    }
  }

  async #names(): Promise<readonly string[]> {
    const names = await this.#options.files.list(join(this.#options.directory, archiveDirectory));
    return names.filter((name) => parseArchiveName(name) !== null);
  }

  /** `ahead`: dated later than it is now. Null: not whole, or not by our own key. */
  async #verified(name: string, now: Instant): Promise<VerifiedEvidence | 'ahead' | null> {
    const { files, directory, ctx, host, ownKey } = this.#options;
    const signed = await readEvidence(files, archivedAt(join(directory, archiveDirectory, name)));
    if (signed === null) return null;
    const verified = await verifyOwnEvidence(ctx, { signed, host, ownKey, now });
    if (verified.ok) return verified.value;
    return verified.reason === 'stale' ? 'ahead' : null;
  }
}
