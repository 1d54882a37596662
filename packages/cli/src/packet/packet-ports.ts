import { createHash } from 'node:crypto';
import type { VerifyContext } from '@nixfleet/contracts';
import { entriesOf, parseOpensshPublicLine } from '@nixfleet/contracts';
import type { HistoricRelease, PacketPorts } from '@nixfleet/evidence';
import { verifyJournals } from '../verification/journals.ts';
import { ranPeriods } from '../verification/ran.ts';

/** What a packet's verification needs of this machine and of the host machine's semantics. */
export function packetPorts(ctx: VerifyContext): PacketPorts {
  return {
    gitHash: async (algorithm, bytes) => createHash(algorithm).update(bytes).digest('hex'),
    async readJournal(host, events, releases) {
      const hostKeys = (name: string) => (name === host ? everyKey(releases, host) : []);
      const verified = await verifyJournals(ctx, { hostKeys }, events, []);
      if (!verified.ok) return { problem: `${verified.reason}: ${verified.detail}` };
      if (verified.value.host !== host) return { problem: `it is the journal of ${verified.value.host}` };
      const commits = commitsByRollout(releases);
      return {
        events: verified.value.events,
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

/** Every key that a release of the packet declares for a host: its journal spans rotations. */
function everyKey(releases: readonly HistoricRelease[], host: string) {
  const lines = new Set<string>();
  for (const { fleet } of releases) {
    for (const [name, { pubkeys }] of entriesOf(fleet.hosts))
      if (name === host) for (const line of pubkeys) lines.add(line);
  }
  return [...lines].map(parseOpensshPublicLine).filter((key) => key !== null);
}

/** A rollout is of the first release that names it. */
function commitsByRollout(releases: readonly HistoricRelease[]): ReadonlyMap<string, string> {
  const commits = new Map<string, string>();
  for (const { document } of releases) {
    for (const [, { rolloutId }] of entriesOf(document.channels)) {
      if (!commits.has(rolloutId)) commits.set(rolloutId, document.source.commit);
    }
  }
  return commits;
}
