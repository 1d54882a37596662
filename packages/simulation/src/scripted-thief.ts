import { type CheckinReply, canonicalBytes, type Go, type Json, sha256Hex } from '@nixfleet/contracts';
import type { ApiRequest, ApiResponse } from '@nixfleet/control-plane';
import { cheapCrypto } from './cheap-crypto.ts';
import type { Scheduler } from './scheduler.ts';

const signedPrefix = '/v1/signed/';
/** How long it holds a check-in that may be held, in milliseconds. */
const heldMs = 4000;

/** A stolen control plane that does what a scene has it do: it shows what it is told to show, and permits what it likes. */
export class ScriptedThief {
  readonly #scheduler: Scheduler;
  readonly #published: () => ReadonlyMap<string, Uint8Array>;
  /** Shown in place of what is published; null: as if it were not there. */
  readonly shown = new Map<string, Uint8Array | null>();
  /** What it permits; null: nothing. */
  permit: (host: string) => Go | null = () => null;

  constructor(scheduler: Scheduler, published: () => ReadonlyMap<string, Uint8Array>) {
    this.#scheduler = scheduler;
    this.#published = published;
  }

  /** Shows these in place of, or beside, what is published. */
  slip(files: Iterable<readonly [string, Uint8Array | null]>): void {
    for (const [path, bytes] of files) this.shown.set(path, bytes);
  }

  /** Shows a whole state of `releases/` as it was, in place of the newest. */
  show(files: ReadonlyMap<string, Uint8Array>): void {
    for (const path of this.#published().keys()) if (!files.has(path)) this.shown.set(path, null);
    for (const [path, bytes] of files) this.shown.set(path, bytes);
  }

  /** Null where the honest server may as well answer: events are stored by it. */
  answer(host: string, request: ApiRequest): Promise<ApiResponse> | null {
    if (request.path.startsWith(signedPrefix)) return Promise.resolve(this.#signed(request.path));
    if (request.path !== '/v1/agent/checkin') return null;
    const isHeld = request.headers.prefer !== undefined;
    return new Promise((resolve, reject) => {
      this.#scheduler.after(isHeld ? heldMs : 0, () => {
        this.#reply(host).then(resolve, reject);
      });
    });
  }

  #read(path: string): Uint8Array | null {
    const own = this.shown.get(path);
    return own === undefined ? (this.#published().get(path) ?? null) : own;
  }

  #signed(path: string): ApiResponse {
    const body = this.#read(path.slice(signedPrefix.length));
    return body === null ? { status: 404, headers: {}, body: '' } : { status: 200, headers: {}, body };
  }

  async #reply(host: string): Promise<ApiResponse> {
    const head = this.#read('head.json');
    const go = this.permit(host);
    const reply: CheckinReply = {
      head: head === null ? null : await sha256Hex(cheapCrypto, head),
      trustVersion: 1,
      goId: go === null ? null : await sha256Hex(cheapCrypto, canonicalBytes(go as unknown as Json)),
      ...(go === null ? {} : { go }),
    };
    return { status: 200, headers: {}, body: JSON.stringify(reply) };
  }
}
