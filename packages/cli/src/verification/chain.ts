import {
  countSigners,
  type DocumentRefusalCode,
  documentBytesMax,
  fleetPath,
  headPath,
  type Instant,
  pinTrust,
  type Refusal,
  refuse,
  releasePath,
  type SignedBytes,
  type SignerCount,
  type TrustState,
  trustPath,
  type VerifiedFleet,
  type VerifiedHead,
  type VerifiedRelease,
  type VerifyContext,
  verifyFleet,
  verifyHead,
  verifyRelease,
  walkTrust,
} from '@nixfleet/contracts';
import { readSigned } from '@nixfleet/release';
import { plural } from '../render/plural.ts';
import type { ReleasesPlace } from './releases-place.ts';
import type { VerificationStep } from './report.ts';

/** Most trust documents walked. */
const trustDocumentsMax = 10_000;

/** Where a check of the whole chain starts, and what it found on its way. */
export interface Chain {
  readonly ctx: VerifyContext;
  readonly place: ReleasesPlace;
  readonly now: Instant;
  readonly steps: VerificationStep[];
}

export interface VerifiedChain {
  readonly trust: TrustState;
  readonly head: VerifiedHead;
  readonly release: VerifiedRelease;
  readonly fleet: VerifiedFleet;
}

type Outcome<Value> = { readonly ok: true; readonly value: Value } | Refusal<DocumentRefusalCode>;

/** The starting point, then every newer trust document there is. */
export async function verifyTrustChain(chain: Chain, start: Uint8Array): Promise<Outcome<TrustState>> {
  const { ctx, place, steps } = chain;
  const pinned = await pinTrust(ctx, start);
  if (!pinned.ok) return pinned;
  let trust = pinned.value;
  steps.push({
    document: `trust ${trust.document.version}`,
    sha256: trust.sha256,
    statement: 'the starting point: trusted because you gave it, not because of a signature',
    signers: [],
    keyIds: [],
  });
  for (let walked = 0; walked < trustDocumentsMax; walked++) {
    const version = trust.document.version + 1;
    const signed = await readSigned(place, trustPath(version), documentBytesMax.trust);
    if (!signed) return { ok: true, value: trust };
    const walk = await walkTrust(ctx, { current: trust, next: [signed] });
    if (!walk.ok) return refuse(walk.reason, walk.detail);
    const byOld = await rootSigners(ctx, trust, signed);
    const byNew = await rootSigners(ctx, walk.value, signed);
    const { document } = walk.value;
    steps.push({
      document: `trust ${version}`,
      sha256: walk.value.sha256,
      statement:
        `signed to the root threshold of trust ${version - 1} (${byOld.signers.size} of ${trust.document.roles.root.threshold} needed) ` +
        `and to its own (${byNew.signers.size} of ${document.roles.root.threshold} needed), on ${document.signedAt}`,
      ...vouchers(byOld, byNew),
    });
    trust = walk.value;
  }
  return refuse('oversized', `more than ${trustDocumentsMax} trust documents`);
}

function rootSigners(ctx: VerifyContext, trust: TrustState, signed: SignedBytes): Promise<SignerCount> {
  return countSigners(ctx, trust, trust.document.roles.root.signers, signed);
}

function vouchers(...counts: readonly SignerCount[]): { signers: string[]; keyIds: string[] } {
  return {
    signers: [...new Set(counts.flatMap(({ signers }) => [...signers]))].sort(),
    keyIds: [...new Set(counts.flatMap(({ keyIds }) => keyIds))].sort(),
  };
}

/** From the starting point to the resolved fleet, in the order in which an agent checks (design §4). */
export async function verifyChain(chain: Chain, start: Uint8Array): Promise<Outcome<VerifiedChain>> {
  const trust = await verifyTrustChain(chain, start);
  if (!trust.ok) return trust;
  const head = await takeHead(chain, trust.value);
  if (!head.ok) return head;
  const release = await takeRelease(chain, trust.value, head.value);
  if (!release.ok) return release;
  const fleet = await takeFleet(chain, release.value);
  if (!fleet.ok) return fleet;
  return { ok: true, value: { trust: trust.value, head: head.value, release: release.value, fleet: fleet.value } };
}

async function takeHead({ ctx, place, now, steps }: Chain, trust: TrustState): Promise<Outcome<VerifiedHead>> {
  const signed = await readSigned(place, headPath, documentBytesMax.head);
  if (!signed) return refuse('missing', `${headPath} is not in ${place.name}`);
  const head = await verifyHead(ctx, { trust, signed, floor: null, now });
  if (!head.ok) return head;
  const { document, sha256 } = head.value;
  const { head: role } = trust.document.roles;
  const count = await countSigners(ctx, trust, role.signers, signed);
  steps.push({
    document: `head ${document.version}`,
    sha256,
    statement:
      `signed by ${count.signers.size} of ${role.threshold} needed of the head role on ${document.signedAt}, ` +
      `not expired at ${now} (until ${document.expiresAt}); names release ${document.release.version} and ${plural(document.holds.length, 'hold')}`,
    ...vouchers(count),
  });
  return head;
}

async function takeRelease(chain: Chain, trust: TrustState, head: VerifiedHead): Promise<Outcome<VerifiedRelease>> {
  const { ctx, place, now, steps } = chain;
  const path = releasePath(head.document.release.sha256);
  const signed = await readSigned(place, path, documentBytesMax.release);
  if (!signed) return refuse('missing', `${path} is not in ${place.name}`);
  const release = await verifyRelease(ctx, { trust, head, signed, floor: null, now });
  if (!release.ok) return release;
  const { document, sha256, emergencyApproved } = release.value;
  const { release: role } = trust.document.roles;
  const count = await countSigners(ctx, trust, role.signers, signed);
  const { commit, repository } = document.source;
  steps.push({
    document: `release ${document.version}`,
    sha256,
    statement:
      `bytes are those the head names; signed by ${count.signers.size} of ${role.threshold} needed of the release role; ` +
      `made on ${document.createdAt} from commit ${commit} of ${repository}${emergencyApproved ? '; an approved emergency' : ''}`,
    ...vouchers(count),
  });
  return release;
}

async function takeFleet({ ctx, place, steps }: Chain, release: VerifiedRelease): Promise<Outcome<VerifiedFleet>> {
  const path = fleetPath(release.document.resolvedFleet.sha256);
  const bytes = await place.read(path, documentBytesMax.fleet);
  if (!bytes) return refuse('missing', `${path} is not in ${place.name}`);
  const fleet = await verifyFleet(ctx, { release, bytes });
  if (!fleet.ok) return fleet;
  const { hosts, channels, operators } = fleet.value.document;
  const counts = [
    plural(Object.keys(hosts).length, 'host'),
    plural(Object.keys(channels).length, 'channel'),
    plural(Object.keys(operators).length, 'operator'),
  ];
  steps.push({
    document: 'fleet',
    sha256: fleet.value.sha256,
    statement: `bytes are those the release names; ${counts.join(', ')}, no key declared twice`,
    signers: [],
    keyIds: [],
  });
  return fleet;
}
