import { type ClosurePath, type Crypto, closureDigest, NarHash, StorePath } from '@nixfleet/contracts';
import { testClosure } from '@nixfleet/testkit';
import type { Behaviour } from './behaviour.ts';
import { type Conduct, catalogueBytes } from './conduct.ts';

const signedHash = NarHash.parse(`sha256:${'0'.repeat(52)}`);
const otherHash = NarHash.parse(`sha256:${'1'.repeat(52)}`);

export interface Built {
  readonly closure: StorePath;
  readonly closureDigest: string;
  readonly closureBytes: number;
}

/** Everything that was ever built, and what becomes of a machine that runs it: the truth that only the simulation knows. */
export class Closures {
  readonly #crypto: Crypto;
  readonly #behaviours = new Map<StorePath, Behaviour>();
  readonly #conducts = new Map<StorePath, { readonly host: string; readonly conduct: Conduct }>();
  readonly #catalogues = new Map<StorePath, Uint8Array>();

  constructor(crypto: Crypto) {
    this.#crypto = crypto;
  }

  async build(host: string, version: number, behaviour: Behaviour, conduct: Conduct = 'passing'): Promise<Built> {
    const closure = StorePath.parse(testClosure(host, version).closure);
    this.#behaviours.set(closure, behaviour);
    this.#conducts.set(closure, { host, conduct });
    return { closure, closureDigest: await closureDigest(this.#crypto, contentsOf(closure)), closureBytes: 1_000_000 };
  }

  behaviourOf(closure: StorePath): Behaviour {
    const behaviour = this.#behaviours.get(closure);
    if (behaviour === undefined) throw new Error(`nobody built ${closure}`);
    return behaviour;
  }

  conductOf(closure: StorePath): Conduct {
    return this.#declared(closure).conduct;
  }

  /** As it lies in the closure. */
  catalogueOf(closure: StorePath): Uint8Array {
    const known = this.#catalogues.get(closure);
    if (known) return known;
    const { host, conduct } = this.#declared(closure);
    const bytes = catalogueBytes(host, conduct);
    this.#catalogues.set(closure, bytes);
    return bytes;
  }

  #declared(closure: StorePath) {
    const declared = this.#conducts.get(closure);
    if (declared === undefined) throw new Error(`nobody built ${closure}`);
    return declared;
  }

  /** What a machine has in its store after fetching it. */
  fetched(closure: StorePath): readonly ClosurePath[] {
    const isPoisoned = this.#behaviours.get(closure) === 'poisoned';
    return isPoisoned ? [{ path: closure, narHash: otherHash }] : contentsOf(closure);
  }
}

function contentsOf(closure: StorePath): readonly ClosurePath[] {
  return [{ path: closure, narHash: signedHash }];
}
