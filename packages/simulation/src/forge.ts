import {
  fleetPath,
  type HeadDocument,
  HostName,
  JournalId,
  type ReleaseDocument,
  releasePath,
  type SealableDocument,
  type SignedBytes,
  type SignedEvent,
  sealDocument,
  type TrustDocument,
  trustPath,
} from '@nixfleet/contracts';
import { putSigned, type TestFleet, TestJournal, testKey } from '@nixfleet/testkit';
import { stateDirectory } from './simulated-agent.ts';
import type { Stage } from './stage.ts';

const journalPath = `${stateDirectory}/journal/journal.jsonl`;

/** Documents and receipts that nobody honest made, by whoever holds the keys of these labels; `thief` is nobody's key. */
export class Forge {
  readonly #stage: Stage;

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  get #fleet(): TestFleet {
    return this.#stage.ci.fleet;
  }

  /** The next head, unless `change` says otherwise. */
  async head(signedBy: readonly string[], change: (draft: HeadDocument) => void = () => {}): Promise<Files> {
    const draft = structuredClone(this.#fleet.headDocument);
    draft.version++;
    draft.signedAt = this.#stage.fleet.now;
    change(draft);
    const signed = await this.#fleet.sign(draft, signedBy);
    // Whoever holds the role's key is the role: nobody can tell.
    if (signedBy.includes('ci-head')) this.#stage.signed.heads.set((await this.#sealed(draft)).sha256, draft);
    return filesOf('head.json', signed);
  }

  /** A release like the newest, and a head that names it. `isBySigner`: so nobody can tell that it is forged. */
  async release(
    signedBy: { readonly release: readonly string[]; readonly head: readonly string[] },
    isBySigner: boolean,
    change: (draft: ReleaseDocument) => void,
  ): Promise<Files> {
    const draft = structuredClone(this.#fleet.current.document);
    draft.version++;
    change(draft);
    const signed = await this.#fleet.sign(draft, signedBy.release);
    const { sha256, bytes } = await this.#sealed(draft);
    if (isBySigner) this.#stage.signed.releases.set(sha256, draft);
    const head = await this.head(signedBy.head, (next) => {
      next.release = { version: draft.version, sha256, bytes: bytes.length };
    });
    return [...filesOf(releasePath(sha256), signed), ...head];
  }

  async trust(signedBy: readonly string[], change: (draft: TrustDocument) => void = () => {}): Promise<Files> {
    const draft = structuredClone(this.#fleet.trustDocument);
    draft.version++;
    change(draft);
    return filesOf(trustPath(draft.version), await this.#fleet.sign(draft, signedBy));
  }

  /** A published document in which texts are others of the same length. */
  altered(path: string, changes: readonly (readonly [string, string])[]): Files {
    const bytes = this.#stage.ci.published?.files.get(path) ?? new Uint8Array();
    let text = new TextDecoder().decode(bytes);
    for (const [from, to] of changes) {
      if (!text.includes(from) || from.length !== to.length) throw new Error(`${path}: no ${from}`);
      text = text.replace(from, to);
    }
    return [[path, new TextEncoder().encode(text)]];
  }

  /** The newest fleet, in which a host has the key of this label. */
  async fleetWithKey(host: string, label: string): Promise<Files> {
    const path = fleetPath(this.#fleet.current.document.resolvedFleet.sha256);
    const { openssh } = await testKey(label, 'ed25519', this.#fleet.ctx.crypto);
    return this.altered(path, [[this.#stage.host(host).publicLine, openssh]]);
  }

  /** A host has converged on its newest target, says somebody with the key of this label. */
  async receipt(host: string, label: string): Promise<SignedEvent> {
    const key = await testKey(label, 'ed25519', this.#fleet.ctx.crypto);
    const journal = new TestJournal({
      fleet: this.#fleet.name,
      host: HostName.parse(host),
      key,
      journal: JournalId.parse(key.keyId.slice(0, 32)),
    });
    const target = await this.#fleet.target(host);
    return journal.append({ kind: 'converged', body: { target, switched: true } }, { at: this.#stage.fleet.now });
  }

  #sealed(document: SealableDocument) {
    return sealDocument(this.#fleet.ctx.crypto, document);
  }

  /** What a host signed last of this kind. */
  signedBy(host: string, kind: string): SignedEvent {
    const bytes = this.#stage.host(host).machine.disk.read(journalPath) ?? new Uint8Array();
    const lines = new TextDecoder().decode(bytes).trim().split('\n');
    const found = lines.findLast((line) => (JSON.parse(line) as SignedEvent).event.includes(`"kind":"${kind}"`));
    if (found === undefined) throw new Error(`${host} has signed no ${kind}`);
    return JSON.parse(found) as SignedEvent;
  }
}

export type Files = readonly (readonly [string, Uint8Array])[];

function filesOf(path: string, signed: SignedBytes): Files {
  const files = new Map<string, Uint8Array>();
  putSigned(files, path, signed);
  return [...files];
}
