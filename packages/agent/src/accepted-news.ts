import type { EventContent, HostState } from '@nixfleet/contracts';
import type { FloorValues } from './floors.ts';

/**
 * What this host has accepted and its journal does not say yet. A floor is durable before its event: the power may go, or the
 * room run out, between the two, and what was accepted is not accepted a second time.
 */
export function acceptedNews({ trust, release, head }: FloorValues, state: HostState): readonly EventContent[] {
  const news: EventContent[] = [];
  if (trust !== null && trust.sha256 !== state.trust?.sha256) {
    news.push({ kind: 'trust-accepted', body: { floor: trust } });
  }
  if (release === null || head === null) return news;
  if (release.sha256 !== state.release?.sha256 || head.sha256 !== state.head?.sha256) {
    const { version, sha256 } = head;
    news.push({ kind: 'release-accepted', body: { release, head: { version, sha256 } } });
  }
  return news;
}
