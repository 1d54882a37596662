import { createHash } from 'node:crypto';
import type { VerifyContext } from '@nixfleet/contracts';
import type { HostRelease, PacketPorts } from '@nixfleet/evidence';
import { verifyJournals } from '../verification/journals.ts';
import { closureSpans, ranPeriods } from '../verification/ran.ts';
import { revokedKeyProblem } from '../verification/revoked-keys.ts';

/** What a packet's verification needs of this machine and of the host machine's semantics. */
export function packetPorts(ctx: VerifyContext): PacketPorts {
  return {
    gitHash: async (algorithm, bytes) => createHash(algorithm).update(bytes).digest('hex'),
    async readJournal({ host, keys, releases }, events) {
      // Its journal spans rotations: every key that a release of the packet declares for it, each up to its end.
      const hostKeys = (name: string) => (name === host ? keys.map(({ key }) => key) : []);
      const verified = await verifyJournals(ctx, { hostKeys }, events, []);
      if (!verified.ok) return { problem: `${verified.reason}: ${verified.detail}` };
      if (verified.value.host !== host) return { problem: `it is the journal of ${verified.value.host}` };
      const revoked = await revokedKeyProblem(ctx, keys, verified.value.events);
      if (revoked !== null) return { problem: revoked };
      const commits = commitsByRollout(releases);
      return {
        events: verified.value.events,
        closures: closureSpans(verified.value.events),
        ran: ranPeriods(verified.value.events).map(({ from, to, running, rolloutId }) => ({
          from,
          to,
          running,
          commit: rolloutId === null ? null : (commits.get(rolloutId) ?? null),
        })),
      };
    },
  };
}

/** A rollout is of the first release that names it. */
function commitsByRollout(releases: readonly HostRelease[]): ReadonlyMap<string, string> {
  const commits = new Map<string, string>();
  for (const { commit, channels } of releases) {
    for (const { rolloutId } of channels) {
      if (!commits.has(rolloutId)) commits.set(rolloutId, commit);
    }
  }
  return commits;
}
