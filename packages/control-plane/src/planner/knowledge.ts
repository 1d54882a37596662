import type { HostName, JournalPosition, Withheld } from '@nixfleet/contracts';
import type { Published } from './planner-loop.ts';

/** Why somebody is not told of what the plan allows. */
export const notKnown: Withheld = { code: 'no-go', reason: 'what it has written last is not known here yet' };

/**
 * Of what a host had written when it asked, how much the published decisions know. Before they know all of it, it is allowed
 * nothing: it may have given up what it was let go for, and others may have its place by the time it acts on it.
 */
export function knowledgeOf(
  published: Published | null,
  host: HostName,
  { journal, seq, sha256 }: JournalPosition,
): 'all' | 'part' | 'none' {
  const known = published?.journals.get(host) ?? null;
  if (published !== null && known === null && seq === 0) return 'all';
  if (known?.journal !== journal || (known.seq === seq && known.sha256 !== sha256)) return 'none';
  return known.seq >= seq ? 'all' : 'part';
}
