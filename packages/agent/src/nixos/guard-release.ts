import type { Files } from '../files.ts';
import { GuardRecord } from './guard-record.ts';
import type { Systemd } from './systemd.ts';

/** True for the one that wins; its timer is stopped then. */
export async function settleArmed(
  record: GuardRecord,
  as: 'disarmed' | 'released',
  systemd: Systemd,
): Promise<boolean> {
  if (!(await record.settle('armed', as))) return false;
  await systemd.stop(record.timer);
  return true;
}

/** Nothing that was armed before may fire into what comes now. True if one has fired, or goes back, and is not done. */
export async function releaseGuards(
  directories: readonly string[],
  { files, systemd }: { readonly files: Files; readonly systemd: Systemd },
): Promise<boolean> {
  for (const directory of directories) {
    const record = new GuardRecord(files, directory);
    await settleArmed(record, 'released', systemd);
    const state = await record.state();
    if (state?.name !== 'fired' && state?.name !== 'reverting') continue;
    if ((await record.result())?.isDone === true) continue;
    if (state.name === 'fired' || (await systemd.service(record.revertUnit)) === 'running') return true;
    // Given up by whoever began it, in an earlier boot: the boot has put a timer to it, which would still fire.
    await record.settle('reverting', 'released');
    await systemd.stop(record.timer);
  }
  return false;
}
