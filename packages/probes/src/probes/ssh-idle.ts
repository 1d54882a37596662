import { secondsOf } from '../duration.ts';
import type { Machine } from '../machine.ts';
import { probe, type Violation } from '../probe.ts';
import { effectiveSettings, sshdViolations } from '../sshd-contexts.ts';
import { type SshdSettings, settingOf, sshdConfigPath } from '../sshd-settings.ts';
import { patternListMatches } from '../wildcard.ts';

/** Where shells read TMOUT from; the last one that sets it holds. */
const shellFiles = [
  '/etc/set-environment',
  '/etc/environment',
  '/etc/profile',
  '/etc/bashrc',
  '/etc/bash.bashrc',
  '/etc/zshenv',
];
const property = ['org.freedesktop.login1', '/org/freedesktop/login1', 'org.freedesktop.login1.Manager'] as const;
/** 2^64-1: never. */
const microsecondsInfinite = 18_446_744_073_709_551_615n;

/** Seconds after which a session without traffic is closed; null: never. */
export function sessionSeconds(settings: SshdSettings): number | null {
  for (const setting of (settings.get('channeltimeout')?.[0] ?? 'none').split(/\s+/)) {
    const [types = '', interval = ''] = setting.split('=');
    if (patternListMatches(types, 'session:shell') || types === 'session') return secondsOf(interval) || null;
  }
  return null;
}

function tmoutSeconds(machine: Machine): number | null {
  const more = (machine.list('/etc/profile.d') ?? []).map((name) => `/etc/profile.d/${name}`);
  let seconds: number | null = null;
  for (const file of [...shellFiles, ...more])
    for (const [, digits] of (machine.read(file) ?? '').matchAll(/^[^#\n]*\bTMOUT=["']?(\d{1,9})/gm))
      seconds = Number(digits);
  return seconds;
}

async function logindSeconds(machine: Machine): Promise<number | null> {
  const { stdout } = await machine.run(['busctl', 'get-property', ...property, 'StopIdleSessionUSec']);
  const [, digits] = /^t (\d{1,20})\s*$/.exec(stdout) ?? [];
  if (digits === undefined || BigInt(digits) === microsecondsInfinite) return null;
  return Number(BigInt(digits) / 1_000_000n);
}

/** A limit that is not there, or is too long, or is 0, which everywhere means never. */
function isOver(seconds: number | null, most: number): boolean {
  return seconds === null || seconds === 0 || seconds > most;
}

export const sshIdle = probe({
  name: 'ssh-idle',
  summary: 'that idle sessions end: of sshd, of logind, of shells',
  arguments: {
    config: { kind: 'text', what: 'configuration of sshd', default: sshdConfigPath },
    maxMinutes: { kind: 'number', what: 'longest that a session may be idle, in minutes' },
  },
  facts: {
    tmoutSeconds: 'TMOUT of shells in seconds; null: not set',
    logindSeconds: 'StopIdleSessionSec of logind in seconds; null: never',
    sshdSessionSeconds: 'longest ChannelTimeout of a session in seconds; null: never',
    sshdUnusedSeconds: 'longest UnusedConnectionTimeout in seconds; null: never',
  },
  violations: [...sshdViolations, 'tmout', 'logind', 'channel-timeout', 'unused-connection-timeout', 'client-alive'],
  root: 'sshd -T reads the host keys',
  async measure(machine, { config, maxMinutes }) {
    const most = maxMinutes * 60;
    const violations: Violation[] = [];
    const check = (what: string, subject: string, seconds: number | null, more: Partial<Violation> = {}): void => {
      if (isOver(seconds, most)) violations.push({ what, subject, ...more, observed: seconds, expected: most });
    };
    const [tmout, logind] = [tmoutSeconds(machine), await logindSeconds(machine)];
    check('tmout', 'TMOUT', tmout);
    check('logind', 'StopIdleSessionSec', logind);
    const sessions: (number | null)[] = [];
    const unused: (number | null)[] = [];
    if (machine.status(config) !== null || machine.has('sshd')) {
      const found = await effectiveSettings(machine, config);
      violations.push(...found.violations);
      for (const { context, settings } of found.effective) {
        const about = { user: context.user, address: context.addr };
        sessions.push(sessionSeconds(settings));
        unused.push(secondsOf(settings.get('unusedconnectiontimeout')?.[0] ?? 'none'));
        check('channel-timeout', 'ChannelTimeout', sessions.at(-1) ?? null, about);
        check('unused-connection-timeout', 'UnusedConnectionTimeout', unused.at(-1) ?? null, about);
        // Since OpenSSH 8.2, 0 means that a dead peer is never noticed.
        if (settingOf(settings, 'clientalivecountmax') === '0')
          violations.push({ what: 'client-alive', subject: 'ClientAliveCountMax', ...about, observed: 0, expected: 1 });
      }
    }
    return {
      facts: {
        tmoutSeconds: tmout,
        logindSeconds: logind,
        sshdSessionSeconds: longest(sessions),
        sshdUnusedSeconds: longest(unused),
      },
      violations,
    };
  },
});

function longest(all: readonly (number | null)[]): number | null {
  return all.length === 0 || all.includes(null) ? null : Math.max(...all.map(Number));
}
