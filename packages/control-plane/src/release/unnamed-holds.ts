import {
  documentBytesMax,
  holdPath,
  type Instant,
  resumePath,
  Sha256Hex,
  type TrustState,
  type VerifiedHold,
  type VerifyContext,
  verifyResume,
  verifyUnnamedHold,
} from '@nixfleet/contracts';
import { messageOf } from '../errors.ts';
import { keyIdsOf, type ReleaseReader, readSigned } from './signed-files.ts';

/** Most holds of one tree that are looked at: four times what a head can name. Heads sweep those that are over. */
const holdFilesMax = 256;

export interface HoldsFound {
  /** Verified, not over, not ended by approvers. */
  readonly holds: readonly VerifiedHold[];
  /** Them and their signatures, to be stored: a restart must not forget a brake. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** Hashes of which the source did not give everything: what was known of them before stays. */
  readonly unread: ReadonlySet<string>;
  /** Null unless the source could not be asked at all. */
  readonly problem: string | null;
}

export const noHolds: HoldsFound = { holds: [], files: new Map(), unread: new Set(), problem: null };

/**
 * Holds in `holds/` that approvers signed, whether a head names them yet or not. An approver need not own a head key, and
 * a hold can only stop, so it counts here at once; agents are bound by it as soon as the next head names it. Whatever else
 * lies there is passed over: it must neither stop anybody nor keep the rest of the tree from being read.
 */
export async function readUnnamedHolds(
  ctx: VerifyContext,
  { reader, trust, now }: { readonly reader: ReleaseReader; readonly trust: TrustState; readonly now: Instant },
): Promise<HoldsFound> {
  if (!reader.holds) return noHolds;
  try {
    const names = (await reader.holds()).filter((name) => Sha256Hex.safeParse(name).success).sort();
    const holds: VerifiedHold[] = [];
    const files = new Map<string, Uint8Array>();
    const unread = new Set<string>();
    for (const name of names.slice(0, holdFilesMax)) {
      const found = await readHold(ctx, { reader, trust, now, sha256: Sha256Hex.parse(name) }).catch(
        () => 'unread' as const,
      );
      if (found === 'unread') unread.add(name);
      if (!found || found === 'unread') continue;
      holds.push(found.hold);
      for (const [path, bytes] of found.files) files.set(path, bytes);
    }
    return { holds, files, unread, problem: null };
  } catch (error) {
    return { ...noHolds, problem: `holds that no head names yet cannot be read: ${messageOf(error)}` };
  }
}

async function readHold(
  ctx: VerifyContext,
  input: {
    readonly reader: ReleaseReader;
    readonly trust: TrustState;
    readonly now: Instant;
    readonly sha256: Sha256Hex;
  },
): Promise<{ readonly hold: VerifiedHold; readonly files: ReadonlyMap<string, Uint8Array> } | null> {
  const { reader, trust, now, sha256 } = input;
  const people = keyIdsOf(trust, trust.document.roles.approver.signers);
  const bounds = { machines: [], people };
  const read = await readSigned(reader, holdPath(sha256), { ...bounds, bytesMax: documentBytesMax.hold });
  if (!read) return null;
  const hold = await verifyUnnamedHold(ctx, { trust, sha256, signed: read.signed, now });
  if (!hold.ok) return null;
  // One that cannot be had ends nothing.
  const resume = { ...bounds, bytesMax: documentBytesMax.resume };
  const end = await readSigned(reader, resumePath(sha256), resume).catch((): null => null);
  if (end && (await verifyResume(ctx, { trust, hold: sha256, signed: end.signed })).ok) return null;
  return { hold: hold.value, files: read.files };
}
