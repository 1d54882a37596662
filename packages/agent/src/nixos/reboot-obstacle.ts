import { z } from 'zod';
import type { RebootOutcome } from '../host.ts';
import { describe } from '../profile-system.ts';
import type { CommandResult } from '../run-command.ts';
import type { Systemd } from './systemd.ts';

const Replied = z.object({ data: z.array(z.unknown()) });
/** what, who, why, mode, uid, pid (org.freedesktop.login1, `ListInhibitors`). */
const Inhibitors = z.array(z.tuple([z.string(), z.string(), z.string(), z.string(), z.number(), z.number()]));
const manager = ['org.freedesktop.login1', '/org/freedesktop/login1', 'org.freedesktop.login1.Manager'] as const;

/**
 * Sessions of people, at work or on another terminal: `user`, for root's `user-early` since systemd 256, and their variants. A
 * session that is closing, or one of a service manager, is nobody's.
 */
const personal = /^Class=user(?:-[a-z-]+)?$/m;
const properties = ['--property=Class', '--property=State', '--property=Name'];
const present = /^State=(?:active|online)$/m;
/** What is said where there is no logind, or no message bus: then there are neither locks nor sessions. */
const isAbsent =
  /ServiceUnknown|not provided by any|not activatable|Unit \S+ not found|Failed to connect to (?:system )?bus/i;

/**
 * Why the machine must not go down now, in one line for people, or null: somebody holds a lock that inhibits it, or is
 * logged in, or nobody can say so. `systemctl reboot` as root would ask for neither.
 */
export async function whatKeepsUp(systemd: Pick<Systemd, 'query'>): Promise<string | null> {
  return (await lockHeld(systemd)) ?? (await somebodyThere(systemd));
}

async function lockHeld(systemd: Pick<Systemd, 'query'>): Promise<string | null> {
  const asked = await systemd.query(['busctl', '--json=short', 'call', ...manager, 'ListInhibitors']);
  if (asked.exitCode !== 0) return silence(asked);
  const locks = inhibitorsIn(asked.stdout);
  if (locks === null) return 'nobody can say who inhibits a shutdown: the answer of logind is in another form';
  const lock = locks.find(([what, , , mode]) => what.split(':').includes('shutdown') && mode.startsWith('block'));
  return lock ? `${lock[1]} inhibits a shutdown: ${lock[2]}`.slice(0, 300) : null;
}

async function somebodyThere(systemd: Pick<Systemd, 'query'>): Promise<string | null> {
  const listed = await systemd.query(['loginctl', 'list-sessions', '--no-legend', '--no-pager']);
  if (listed.exitCode !== 0) return silence(listed);
  for (const line of listed.stdout.split('\n')) {
    const [session] = line.trim().split(/\s+/);
    if (!session) continue;
    // One by one: unlike systemctl, loginctl takes no list.
    const shown = await systemd.query(['loginctl', 'show-session', session, ...properties]);
    if (personal.test(shown.stdout) && present.test(shown.stdout)) {
      return `${/^Name=(.*)$/m.exec(shown.stdout)?.[1] ?? 'somebody'} is logged in`;
    }
  }
  return null;
}

/** Null where there is nobody to ask. */
function silence({ output }: CommandResult): string | null {
  if (isAbsent.test(output.excerpt)) return null;
  return `nobody can say who inhibits a shutdown, or is logged in: ${describe(output)}`.slice(0, 300);
}

function inhibitorsIn(json: string): z.infer<typeof Inhibitors> | null {
  try {
    return Inhibitors.parse(Replied.parse(JSON.parse(json)).data[0]);
  } catch {
    return null;
  }
}

export function refused(detail: string): RebootOutcome {
  return { ok: false, detail };
}
