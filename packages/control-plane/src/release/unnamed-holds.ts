import {
  addSeconds,
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

/** Furthest that a clock of any control plane is thought to be ahead, in seconds: what is over by it may not be over yet. */
const clockAheadSecondsMax = 24 * 3600;
/** Most holds of one tree that are looked at: four times what a head can name. Heads sweep those that are over. */
const holdFilesMax = 256;

export interface HoldsFound {
  /** Verified, not over, not ended by approvers. */
  readonly holds: readonly VerifiedHold[];
  /** Hashes of those that approvers ended: nobody obeys them again who has seen how. */
  readonly ended: ReadonlySet<Sha256Hex>;
  /**
   * Hashes of those that by this clock have not begun or are over: it may be wrong, so they are stored for those whose clock
   * says otherwise, and looked at again.
   */
  readonly waiting: ReadonlySet<Sha256Hex>;
  /** All three with their signatures, to be stored: a restart must not forget a brake, nor another control plane its end. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** Hashes of which the source did not give everything: what was known of them before stays. */
  readonly unread: ReadonlySet<string>;
  /** Of what the source did not give, or what counts only later: to be told, and to be looked at again. */
  readonly problems: readonly string[];
}

export const noHolds: HoldsFound = {
  holds: [],
  ended: new Set(),
  waiting: new Set(),
  files: new Map(),
  unread: new Set(),
  problems: [],
};

export interface HoldsInput {
  readonly reader: ReleaseReader;
  /** Of those that are looked at; any text. */
  readonly names: readonly string[];
  /** Where else a resume may lie: what ended once does not begin again because this source does not know of it. */
  readonly resumes?: readonly ReleaseReader[];
  readonly trust: TrustState;
  readonly now: Instant;
}

export interface HoldNames {
  readonly names: readonly string[];
  /** Those past the bound. */
  readonly unread: readonly string[];
  readonly problems: readonly string[];
  /** Whether what is not among the names is not there. */
  readonly isListed: boolean;
}

/** What a source has in `holds/`. Throws nothing. */
export async function listHolds(reader: ReleaseReader): Promise<HoldNames> {
  const nothing = { names: [], unread: [], problems: [], isListed: false };
  if (!reader.holds) return nothing;
  try {
    const names = (await reader.holds()).filter((name) => Sha256Hex.safeParse(name).success).sort();
    const unread = names.slice(holdFilesMax);
    const problem = `holds/ has ${names.length} documents, of which ${holdFilesMax} are read: holds among the rest do not count until a head names them`;
    return {
      names: names.slice(0, holdFilesMax),
      unread,
      problems: unread.length > 0 ? [problem] : [],
      isListed: true,
    };
  } catch (error) {
    return { ...nothing, problems: [`holds that no head names yet cannot be read: ${messageOf(error)}`] };
  }
}

/**
 * Holds in `holds/` that approvers signed, whether a head names them yet or not. An approver need not own a head key, and
 * a hold can only stop, so it counts here at once; agents are bound by it as soon as the next head names it. Whatever else
 * lies there is passed over: it must neither stop anybody nor keep the rest of the tree from being read.
 */
export async function readUnnamedHolds(ctx: VerifyContext, input: HoldsInput): Promise<HoldsFound> {
  const holds: VerifiedHold[] = [];
  const ended = new Set<Sha256Hex>();
  const waiting = new Set<Sha256Hex>();
  const files = new Map<string, Uint8Array>();
  const unread = new Set<string>();
  const problems: string[] = [];
  for (const name of input.names) {
    const sha256 = Sha256Hex.safeParse(name);
    if (!sha256.success) continue;
    try {
      const found = await readHold(ctx, { ...input, sha256: sha256.data });
      if (!found) continue;
      if (found.isEnded) ended.add(found.sha256);
      else if (found.hold) holds.push(found.hold);
      else waiting.add(found.sha256);
      for (const [path, bytes] of found.files) files.set(path, bytes);
      if (found.problem !== null) problems.push(found.problem);
    } catch (error) {
      unread.add(name);
      problems.push(`${holdPath(sha256.data)} cannot be read: ${messageOf(error)}`);
    }
  }
  return { holds, ended, waiting, files, unread, problems };
}

interface HoldFiles {
  readonly sha256: Sha256Hex;
  /** Null while it has not begun or is over. */
  readonly hold: VerifiedHold | null;
  readonly isEnded: boolean;
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly problem: string | null;
}

async function readHold(
  ctx: VerifyContext,
  { reader, resumes = [], trust, now, sha256 }: HoldsInput & { readonly sha256: Sha256Hex },
): Promise<HoldFiles | null> {
  const people = keyIdsOf(trust, trust.document.roles.approver.signers);
  const bounds = { machines: [], people };
  const read = await readSigned(reader, holdPath(sha256), { ...bounds, bytesMax: documentBytesMax.hold });
  if (!read) return null;
  const verifiedAt = (at: Instant) => verifyUnnamedHold(ctx, { trust, sha256, signed: read.signed, now: at });
  const verified = await verifiedAt(now);
  const isOver = !verified.ok && verified.reason === 'expired';
  const earlier = isOver ? await verifiedAt(addSeconds(now, -clockAheadSecondsMax)) : verified;
  // Both are asked last: whatever else is wrong with it would have been said.
  if (!earlier.ok && earlier.reason !== 'future-dated') return null;
  const hold = verified.ok ? verified.value : null;
  let problem = verified.ok || isOver ? null : verified.detail;
  for (const from of [reader, ...resumes]) {
    const resume = { ...bounds, bytesMax: documentBytesMax.resume };
    // One that cannot be had ends nothing.
    const end = await readSigned(from, resumePath(sha256), resume).catch((error: unknown): null => {
      problem = `${resumePath(sha256)} cannot be read: ${messageOf(error)}`;
      return null;
    });
    if (!end || !(await verifyResume(ctx, { trust, hold: sha256, signed: end.signed })).ok) continue;
    return { sha256, hold, isEnded: true, files: new Map([...read.files, ...end.files]), problem: null };
  }
  return { sha256, hold, isEnded: false, files: read.files, problem };
}
