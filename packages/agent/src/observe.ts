import type { StorePath } from '@nixfleet/contracts';
import type { Host } from './host.ts';

/** What the machine runs, and what it boots by itself: where either is changed by hand, that is drift. */
export async function observe(
  host: Pick<Host, 'running' | 'bootDefault'>,
): Promise<{ readonly running: StorePath | null; readonly bootDefault: StorePath | null }> {
  return { running: await host.running(), bootDefault: await host.bootDefault() };
}
