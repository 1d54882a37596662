import type { GuardRecord } from '../guard/guard-record.ts';
import type { BootLoader } from './boot-loader.ts';

/**
 * A boot that was ordered in `boot`, this boot, and did not come: the loader is told to forget it before the record is
 * released. Else whoever boots the machine later, by hand, would start a system that nothing guards any more.
 */
export async function takeBackBoot(
  record: GuardRecord,
  { boot, loader }: { readonly boot: string; readonly loader: () => Promise<Pick<BootLoader, 'forgetOnce'> | null> },
): Promise<void> {
  const state = await record.state();
  if (state?.name !== 'armed' || state.facts.kind !== 'boot' || state.facts.boot !== boot) return;
  if (await record.wasBootOrdered()) await (await loader())?.forgetOnce();
}
