import {
  documentBytesMax,
  type Floor,
  pinTrust,
  type Refusal,
  refuse,
  sha256Hex,
  type TrustState,
  trustPath,
  trustStepsMax,
  type VerifyContext,
  walkTrust,
} from '@nixfleet/contracts';
import type { DocumentCache } from './document-cache.ts';
import type { DocumentSource } from './document-source.ts';
import { AgentError } from './errors.ts';
import type { Floors } from './floors.ts';
import { readSigned } from './signed-reader.ts';

export interface TrustWalkOptions {
  readonly ctx: VerifyContext;
  readonly floors: Floors;
  readonly cache: DocumentCache;
  /** The trust document that closure or installer brought: a starting point, nothing else. */
  readonly shipped: Uint8Array;
}

export interface Walked {
  /** Floors of the versions that were accepted in this walk. */
  readonly accepted: readonly Floor[];
  readonly refusal: { readonly refusal: Refusal; readonly identity: string } | null;
  readonly isUnreachable: boolean;
}

/** The trust chain as far as this host has walked it. It never goes back, whatever a closure ships. */
export class TrustWalk {
  readonly #options: TrustWalkOptions;
  #current: TrustState;

  private constructor(options: TrustWalkOptions, current: TrustState) {
    this.#options = options;
    this.#current = current;
  }

  /** Throws `AgentError` `bad-trust` for a shipped document that is none. */
  static async open(options: TrustWalkOptions): Promise<TrustWalk> {
    const { ctx, shipped, floors, cache } = options;
    const pinned = await pinTrust(ctx, shipped);
    if (!pinned.ok) throw new AgentError('bad-trust', `the shipped trust document: ${pinned.detail}`);
    const floor = floors.values.trust;
    const { version } = pinned.value.document;
    const own = floor && (await readOwn(options, floor));
    // A newer shipped one is walked to like any other: what a closure brings was not signed by the root role.
    if (own) return new TrustWalk(options, own);
    if (floor === null || floor.version < version) {
      await cache.put(new Map([[trustPath(version), pinned.value.bytes]]));
      await floors.raise({ trust: { version, sha256: pinned.value.sha256 } });
      return new TrustWalk(options, pinned.value);
    }
    return new TrustWalk(options, pinned.value);
  }

  get current(): TrustState {
    return this.#current;
  }

  /** Set while our own copy of the newest trust is lost: nothing is verified under an older one than was accepted. */
  behind(): Refusal | null {
    const floor = this.#options.floors.values.trust;
    const { version } = this.#current.document;
    if (floor === null || version > floor.version) return null;
    if (version === floor.version && this.#current.sha256 === floor.sha256) return null;
    if (version === floor.version) return refuse('equivocation', `trust ${version}: other bytes were accepted`);
    return refuse('trust-behind', `trust ${version}: version ${floor.version} was accepted, and is not here yet`);
  }

  async walk(source: DocumentSource, signal: AbortSignal): Promise<Walked> {
    const accepted: Floor[] = [];
    const stopped = (rest: Omit<Walked, 'accepted'>): Walked => ({ accepted, ...rest });
    for (let steps = 0; steps < trustStepsMax; steps++) {
      const step = await this.#step(source, signal);
      if (step.kind === 'end') return stopped({ refusal: null, isUnreachable: step.isUnreachable });
      if (step.kind === 'refused') return stopped({ refusal: step, isUnreachable: false });
      accepted.push(step.floor);
    }
    return stopped({ refusal: null, isUnreachable: false });
  }

  async #step(source: DocumentSource, signal: AbortSignal) {
    const { ctx, floors, cache } = this.#options;
    const current = this.#current;
    const path = trustPath(current.document.version + 1);
    const names = current.document.roles.root.signers;
    const byOld = await readSigned(
      source,
      { path, type: 'trust', wanted: [{ trust: current, names, kind: 'sig' }] },
      signal,
    );
    if (!byOld.ok) {
      if (byOld.reason !== 'oversized') {
        return { kind: 'end', isUnreachable: byOld.reason === 'unreachable' } as const;
      }
      return { kind: 'refused', refusal: refuse('oversized', byOld.detail), identity: path } as const;
    }
    // Its own root signers sign too, and only the document says who they are: read it as if pinned, to look them up.
    const candidate = await pinTrust(ctx, byOld.signed.bytes);
    const both = candidate.ok
      ? await readSigned(
          source,
          {
            path,
            type: 'trust',
            wanted: [
              { trust: current, names, kind: 'sig' },
              { trust: candidate.value, names: candidate.value.document.roles.root.signers, kind: 'sig' },
            ],
          },
          signal,
        )
      : byOld;
    if (!both.ok) return { kind: 'end', isUnreachable: true } as const;
    const identity = await sha256Hex(ctx.crypto, both.signed.bytes);
    const walked = await walkTrust(ctx, { current, next: [both.signed] });
    if (!walked.ok) return { kind: 'refused', refusal: walked, identity } as const;
    const floor: Floor = { version: walked.value.document.version, sha256: walked.value.sha256 };
    const before = floors.values.trust;
    if (before !== null && before.version === floor.version && before.sha256 !== floor.sha256) {
      const refusal = refuse(
        'equivocation',
        `trust ${floor.version}: ${floor.sha256}, but ${before.sha256} was accepted`,
      );
      return { kind: 'refused', refusal, identity } as const;
    }
    await cache.put(both.files);
    if (before === null || before.version < floor.version) await floors.raise({ trust: floor });
    this.#current = walked.value;
    return { kind: 'accepted', floor } as const;
  }
}

/** Our own copy of the trust document that was accepted last; null if it is lost. */
async function readOwn({ ctx, cache }: TrustWalkOptions, floor: Floor): Promise<TrustState | null> {
  const own = await cache.source.get(trustPath(floor.version), documentBytesMax.trust, new AbortController().signal);
  if (!own.ok || (await sha256Hex(ctx.crypto, own.bytes)) !== floor.sha256) return null;
  const kept = await pinTrust(ctx, own.bytes);
  return kept.ok ? kept.value : null;
}
