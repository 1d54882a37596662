import {
  documentBytesMax,
  FleetName,
  pinTrust,
  type Refusal,
  type TrustState,
  trustPath,
  trustStepsMax,
  type VerifyContext,
  walkTrust,
} from '@nixfleet/contracts';
import { ControlPlaneError, messageOf } from '../errors.ts';
import { keyIdsOf, type ReleaseReader, readSigned, type SignedFiles } from './signed-files.ts';

export interface TrustWalk {
  readonly reached: TrustState;
  /** Documents and signatures that were accepted on the way. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** Why it went no further than `reached`; null at the end of the chain. */
  readonly stoppedBy: Refusal | null;
}

/**
 * Walks the trust chain that `reader` has, from `current` on. The document of the current version is compared too, so
 * that a second one under the same version is noticed (`equivocation`).
 */
export async function walkTrustOf(ctx: VerifyContext, reader: ReleaseReader, current: TrustState): Promise<TrustWalk> {
  const files = new Map<string, Uint8Array>();
  let reached = current;
  const first = current.document.version;
  for (let version = first; version <= first + trustStepsMax; version++) {
    const next = await readTrust(ctx, reader, { version, before: reached });
    if (!next) {
      if (version === first) continue;
      break;
    }
    const step = await walkTrust(ctx, { current: reached, next: [next.signed] });
    if (!step.ok) return { reached, files, stoppedBy: step };
    reached = step.value;
    for (const [path, bytes] of next.files) files.set(path, bytes);
  }
  return { reached, files, stoppedBy: null };
}

/**
 * The chain before our starting point, to be served to hosts that start further back. Nothing here can be verified from
 * the later end, and nothing here is used: every host walks it by itself.
 */
export async function readTrustHistory(
  ctx: VerifyContext,
  reader: ReleaseReader,
  current: TrustState,
): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  let before: TrustState | null = null;
  const last = current.document.version;
  for (let version = Math.max(1, last - trustStepsMax); version <= last; version++) {
    const found = await readTrust(ctx, reader, { version, before });
    if (!found) continue;
    const pinned = await pinTrust(ctx, found.signed.bytes);
    before = pinned.ok ? pinned.value : null;
    for (const [path, bytes] of found.files) files.set(path, bytes);
  }
  return files;
}

async function readTrust(
  ctx: VerifyContext,
  reader: ReleaseReader,
  { version, before }: { readonly version: number; readonly before: TrustState | null },
): Promise<SignedFiles | null> {
  const path = trustPath(version);
  const bytesMax = documentBytesMax.trust;
  const bytes = await reader.read(path, bytesMax);
  if (!bytes) return null;
  // Only to learn which keys may have signed it; nothing else is taken from it before it is verified.
  const claimed = await pinTrust(ctx, bytes);
  const machines = new Set<string>();
  for (const trust of [before, claimed.ok ? claimed.value : null]) {
    if (trust) for (const keyId of keyIdsOf(trust, trust.document.roles.root.signers)) machines.add(keyId);
  }
  return readSigned(reader, path, { bytesMax, machines: [...machines] });
}

/** The fleet's name comes from the operator's own trust document. */
export function fleetOf(trust: Uint8Array): FleetName {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(trust));
    return FleetName.parse(typeof value === 'object' && value !== null && 'fleet' in value ? value.fleet : null);
  } catch (error) {
    throw new ControlPlaneError('bad-trust', `expected a trust document: ${messageOf(error)}`, { cause: error });
  }
}
