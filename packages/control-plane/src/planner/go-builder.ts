import {
  bodyBytesMax,
  canonicalBytes,
  canonicalize,
  type Go,
  type HostName,
  isSignedBy,
  type Json,
  lookup,
  type RolloutId,
  type RolloutManifest,
  readEvent,
  receiptsOf,
  type Sha256Hex,
  type SignedEvent,
  sha256Hex,
  type VerifyContext,
  verifyReceipts,
  waveHosts,
} from '@nixfleet/contracts';
import type { VerifiedTree } from '../release/verify-tree.ts';
import type { Store } from '../store/store.ts';
import type { FleetRecords } from '../views/fleet-records.ts';

/** Largest receipt that is passed on, in bytes: several times what an agent writes, so that no host fills a reply alone. */
export const receiptBytesMax = 4096;
/** Room that the rest of a check-in reply needs beside a go, in bytes. */
const replyBytes = 64 * 1024;

export interface BuiltGo {
  readonly goId: Sha256Hex;
  /** Canonical JSON, ready to be put into replies. */
  readonly json: string;
}

/** Equal for goes that say the same. */
export function goKeyId({ rolloutId, wave, attempt, reboot }: GoKey): string {
  return `${rolloutId} ${wave} ${attempt}${reboot ? ' reboot' : ''}`;
}

export type GoResult = { readonly ok: true; readonly go: BuiltGo } | { readonly ok: false; readonly detail: string };

export interface GoKey {
  readonly rolloutId: RolloutId;
  readonly wave: number;
  readonly attempt: number;
  readonly reboot?: true;
}

/**
 * Makes a go with the receipts of every earlier wave and checks it as the agent will. One is the same for all hosts of a
 * wave, so it is made once; `reset` when a release changes, since the fleet's keys decide which receipts still count.
 */
export class GoBuilder {
  readonly #store: Store;
  readonly #records: FleetRecords;
  readonly #ctx: VerifyContext;
  readonly #built = new Map<string, BuiltGo>();
  /** Hosts of each wave, by rollout. */
  readonly #waves = new Map<RolloutId, readonly (readonly HostName[])[]>();

  constructor({ store, records, ctx }: { store: Store; records: FleetRecords; ctx: VerifyContext }) {
    this.#store = store;
    this.#records = records;
    this.#ctx = ctx;
  }

  reset(): void {
    this.#built.clear();
    this.#waves.clear();
  }

  async build(tree: VerifiedTree, key: GoKey): Promise<GoResult> {
    const { rolloutId, wave, attempt } = key;
    const reboot = key.reboot ? { reboot: key.reboot } : {};
    const id = goKeyId(key);
    const known = this.#built.get(id);
    if (known) return { ok: true, go: known };
    const manifest = tree.manifests.get(rolloutId)?.document;
    if (!manifest) return { ok: false, detail: 'its manifest is no longer named by the release' };
    const receipts = await this.#receipts(tree, key);
    const { fleet } = tree;
    const verified = await verifyReceipts(this.#ctx, { fleet, manifest, rolloutId, wave, receipts });
    if (!verified.ok) return { ok: false, detail: `${verified.detail} (${verified.reason})` };
    const go: Go = { rolloutId, wave, attempt, ...reboot, receipts };
    const json = canonicalize(go as unknown as Json);
    if (Buffer.byteLength(json) > bodyBytesMax - replyBytes) {
      return { ok: false, detail: `${receipts.length} receipts do not fit a reply: lower receiptsPercent` };
    }
    const built = { goId: await sha256Hex(this.#ctx.crypto, canonicalBytes(go as unknown as Json)), json };
    this.#built.set(id, built);
    return { ok: true, go: built };
  }

  /**
   * As many `converged` events of each earlier wave as the manifest demands, by the names of the hosts. One whose key is
   * declared no longer, or that is not about what the manifest gave its host, is passed over: agents would refuse the
   * whole go for it, and one lying host would shut a wave that the others opened.
   */
  async #receipts(tree: VerifiedTree, { rolloutId, wave }: GoKey): Promise<SignedEvent[]> {
    const manifest = tree.manifests.get(rolloutId)?.document;
    const receipts: SignedEvent[] = [];
    if (!manifest) return receipts;
    for (let earlier = 0; earlier < wave; earlier++) {
      const hosts = this.#hostsOf(tree, rolloutId, earlier);
      const need = receiptsOf(manifest, earlier, hosts.length);
      const positions = hosts.flatMap((host) => this.#records.of(host).receipts.get(rolloutId) ?? []);
      let have = 0;
      for (const entry of await this.#store.readAt(positions)) {
        if (have === need) break;
        if (entry.kind !== 'event') continue;
        const receipt = { event: entry.text, signature: entry.signature };
        if (!(await this.#isAsGiven(receipt, manifest))) continue;
        if (!(await isSignedBy(this.#ctx, tree.fleet.hostKeys(entry.host), receipt))) continue;
        receipts.push(receipt);
        have++;
      }
    }
    return receipts;
  }

  /** What the manifest gave its host is what the host says that it converged on. */
  async #isAsGiven(receipt: SignedEvent, manifest: RolloutManifest): Promise<boolean> {
    if (Buffer.byteLength(receipt.event) > receiptBytesMax) return false;
    const read = await readEvent(this.#ctx, receipt);
    if (!read.ok || read.value.event.kind !== 'converged') return false;
    const { target } = read.value.event.body;
    const given = lookup(manifest.hosts, read.value.event.host);
    return (
      given !== undefined &&
      target.closure === given.closure &&
      target.closureDigest === given.closureDigest &&
      target.attempt === given.attempt
    );
  }

  #hostsOf(tree: VerifiedTree, rolloutId: RolloutId, wave: number): readonly HostName[] {
    const known = this.#waves.get(rolloutId);
    if (known) return known[wave] ?? [];
    const manifest = tree.manifests.get(rolloutId)?.document;
    const waves = manifest?.waves.map((_, i) => waveHosts(manifest, i)) ?? [];
    this.#waves.set(rolloutId, waves);
    return waves[wave] ?? [];
  }
}
