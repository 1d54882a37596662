import { type ClosurePath, type Crypto, closureDigest, NarHash, StorePath } from '@nixfleet/contracts';
import { testClosure } from '@nixfleet/testkit';
import type { Behaviour } from './behaviour.ts';

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

  constructor(crypto: Crypto) {
    this.#crypto = crypto;
  }

  async build(host: string, version: number, behaviour: Behaviour): Promise<Built> {
    const closure = StorePath.parse(testClosure(host, version).closure);
    this.#behaviours.set(closure, behaviour);
    return { closure, closureDigest: await closureDigest(this.#crypto, contentsOf(closure)), closureBytes: 1_000_000 };
  }

  behaviourOf(closure: StorePath): Behaviour {
    const behaviour = this.#behaviours.get(closure);
    if (behaviour === undefined) throw new Error(`nobody built ${closure}`);
    return behaviour;
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
