import { z } from 'zod';
import type { RebootOutcome } from '../host.ts';
import type { Systemd } from './systemd.ts';

const Replied = z.object({ data: z.array(z.unknown()) });
/** what, who, why, mode, uid, pid (org.freedesktop.login1, `ListInhibitors`). */
const Inhibitors = z.array(z.tuple([z.string(), z.string(), z.string(), z.string(), z.number(), z.number()]));
const manager = ['org.freedesktop.login1', '/org/freedesktop/login1', 'org.freedesktop.login1.Manager'] as const;

/**
 * Why the machine must not go down now, in one line for people, or null: somebody holds a lock that inhibits it, or is
 * logged in. `systemctl reboot` as root would ask for neither. Without logind there are no such things.
 */
export async function whatKeepsUp(systemd: Systemd): Promise<string | null> {
  const lock = (await inhibitors(systemd)).find(
    ([what, , , mode]) => what.split(':').includes('shutdown') && mode.startsWith('block'),
  );
  if (lock) return `${lock[1]} inhibits a shutdown: ${lock[2]}`.slice(0, 300);
  const listed = await systemd.query(['loginctl', 'list-sessions', '--no-legend', '--no-pager']);
  if (listed.exitCode !== 0) return null;
  for (const line of listed.stdout.split('\n')) {
    const [session] = line.trim().split(/\s+/);
    if (!session) continue;
    const shown = await systemd.query(['loginctl', 'show-session', session, '--property=Class,State,Name']);
    // A session that is closing, or a manager's own, is nobody at work.
    if (/^Class=user$/m.test(shown.stdout) && /^State=(?:active|online)$/m.test(shown.stdout)) {
      return `${/^Name=(.*)$/m.exec(shown.stdout)?.[1] ?? 'somebody'} is logged in`;
    }
  }
  return null;
}

async function inhibitors(systemd: Systemd): Promise<z.infer<typeof Inhibitors>> {
  const asked = await systemd.query(['busctl', '--json=short', 'call', ...manager, 'ListInhibitors']);
  if (asked.exitCode !== 0) return [];
  try {
    return Inhibitors.parse(Replied.parse(JSON.parse(asked.stdout)).data[0]);
  } catch {
    return [];
  }
}

export function refused(detail: string): RebootOutcome {
  return { ok: false, detail };
}
