import { readFileSync } from 'node:fs';
import { z } from 'zod';

/** A process beyond its pid, which may be somebody else's by now: when it started, in clock ticks since boot (proc(5)). */
export const ProcessIdentity = z.object({
  pid: z.int().min(2),
  startTicks: z.string().max(32),
  bootId: z.string().max(64),
});
export type ProcessIdentity = z.infer<typeof ProcessIdentity>;

/** The kernel's identifier of this boot. */
export function currentBootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
}

/** Null for a process that is gone or only waits for its parent to notice. */
export function identityOf(pid: number): ProcessIdentity | null {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return null;
  }
  // The command's name may hold anything, a closing bracket too: fields count from the last one.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state] = fields;
  const startTicks = fields[19];
  if (state === 'Z' || state === 'X' || startTicks === undefined) return null;
  return { pid, startTicks, bootId: currentBootId() };
}

export function isAlive(identity: ProcessIdentity): boolean {
  const found = identityOf(identity.pid);
  return found !== null && found.startTicks === identity.startTicks && found.bootId === identity.bootId;
}

/**
 * Kills a process that leads its own group, with everything in the group. The group may outlive its leader, so the
 * members are looked up by the group's number if the leader is the one we knew, or gone.
 */
export function killGroup(leader: ProcessIdentity): void {
  const found = identityOf(leader.pid);
  const isSomebodyElse = found !== null && (found.startTicks !== leader.startTicks || found.bootId !== leader.bootId);
  if (isSomebodyElse || leader.bootId !== currentBootId()) return;
  try {
    process.kill(-leader.pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
