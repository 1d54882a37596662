import type { Clock, Crypto, Memo, Random } from '@nixfleet/contracts';
import type { EvidenceLimits } from './http/evidence-route.ts';
import type { Limits } from './limits.ts';
import type { Log } from './log.ts';
import type { ReleaseSource } from './release/release-source.ts';
import type { Store } from './store/store.ts';

export interface ControlPlaneOptions {
  /** The trust document's bytes: where the chain starts. */
  readonly trust: Uint8Array;
  readonly source: ReleaseSource;
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly crypto: Crypto;
  /** Shared with others of the process; see `Memo`. */
  readonly memo?: Memo;
  readonly log: Log;
  /** Default 30. */
  readonly pollSeconds?: number;
  /** Default 120. */
  readonly rebuildSecondsMax?: number;
  /** Default 150: a held check-in and some. */
  readonly offlineAfterSeconds?: number;
  readonly limits?: Partial<Limits>;
  /** Default `defaultEvidenceLimits`. */
  readonly evidence?: EvidenceLimits;
}
