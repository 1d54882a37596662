import type { EventContent, HostState } from '@nixfleet/contracts';
import type { Host } from './host.ts';

/** What only a boot takes up, where that changed: a switch may bring it, and a boot takes it away. */
export async function rebootPendingNews(
  host: Pick<Host, 'rebootPending'>,
  { rebootPending }: HostState,
): Promise<EventContent[]> {
  const component = await host.rebootPending();
  return component === (rebootPending?.component ?? null) ? [] : [{ kind: 'reboot-pending', body: { component } }];
}
