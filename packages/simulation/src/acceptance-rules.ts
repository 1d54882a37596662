import type { EventOf } from '@nixfleet/contracts';
import type { Facts } from './facts.ts';
import { type Broken, broken } from './rule.ts';

/** From a host's look at its clock to the event that says what it accepted, in milliseconds. */
const acceptMs = 60_000;
/** Without its floors a host accepts no head that is older, in milliseconds (design §4). */
const floorLostMs = 2 * 3600_000;

/** S15: a host accepts a trust document. */
export function mayAcceptTrust(facts: Facts, host: string, { body: { floor } }: EventOf<'trust-accepted'>): Broken {
  if (!facts.signed.trusts.has(floor.sha256)) {
    return broken('S15', `${host} accepts trust ${floor.version}, which the root signers did not sign`);
  }
  const before = facts.ledger(host).trusts.at(-2);
  if (before === undefined || before.version < floor.version || facts.restored.has(host)) return null;
  return broken('S15', `${host} accepts trust ${floor.version} after ${before.version}`);
}

/** S15: a host accepts a head and its release. */
export function mayAcceptRelease(
  facts: Facts,
  host: string,
  { at, body: { release, head } }: EventOf<'release-accepted'>,
  nowMs: number,
): Broken {
  const { acceptedHead } = facts.knowledge(host);
  // Told later than it was accepted, where the power went or there was no room for it.
  const lateMs = acceptedHead?.sha256 === head.sha256 ? nowMs - acceptedHead.atMs : 0;
  if (facts.knowledge(host).areFloorsSpoilt) {
    return broken('S15', `${host} accepts release ${release.version}, and cannot read what it accepted before`);
  }
  const document = facts.signed.heads.get(head.sha256);
  if (document === undefined) {
    return broken('S15', `${host} accepts head ${head.version}, which its signers did not sign`);
  }
  if (!facts.signed.releases.has(release.sha256)) {
    return broken('S15', `${host} accepts release ${release.version}, which its signers did not sign`);
  }
  if (Date.parse(at) - Date.parse(document.expiresAt) > acceptMs + lateMs) {
    return broken('S15', `${host} accepts head ${head.version} at ${at}, which expired at ${document.expiresAt}`);
  }
  const ledger = facts.ledger(host);
  const [before, now] = ledger.accepted.slice(-2);
  if (before === undefined || now === undefined || facts.restored.has(host)) return null;
  if (now.isFloorLost) {
    if (Date.parse(at) - Date.parse(document.signedAt) <= floorLostMs + acceptMs + lateMs) return null;
    return broken('S15', `${host} has lost its floors and accepts head ${head.version} of ${document.signedAt}`);
  }
  for (const name of ['release', 'head'] as const) {
    const { version, sha256 } = before[name];
    if (now[name].version < version) {
      return broken('S15', `${host} accepts ${name} ${now[name].version} after ${version}`);
    }
    if (now[name].version === version && now[name].sha256 !== sha256) {
      return broken('S15', `${host} accepts two of ${name} ${version}`);
    }
  }
  return null;
}
