import { required } from './accounts.ts';
import { ProbeError } from './errors.ts';
import type { Machine } from './machine.ts';

/** One line of /proc/self/mountinfo (proc(5)). */
export interface Mount {
  readonly point: string;
  readonly type: string;
  readonly source: string;
  /** major:minor of the file system. */
  readonly device: string;
  /** The directory of the file system that is mounted; other than `/`, it is a bind mount. */
  readonly root: string;
  /** Of the mount and of the file system, together. */
  readonly options: ReadonlySet<string>;
}

const mountsMax = 10_000;

export function parseMountinfo(text: string): Mount[] {
  const lines = text.split('\n').filter(Boolean);
  if (lines.length > mountsMax) throw new ProbeError('oversized', `mountinfo: more than ${mountsMax} mounts`);
  return lines.map((line) => {
    const [before = '', after = ''] = line.split(' - ');
    const [, , device = '', root = '', point, mountOptions = ''] = before.split(' ');
    const [type, source = '', superOptions = ''] = after.split(' ');
    if (point === undefined || type === undefined) throw new ProbeError('malformed', `mountinfo: ${line}`);
    return {
      point: unescaped(point),
      type,
      source: unescaped(source),
      device,
      root: unescaped(root),
      options: new Set([...mountOptions.split(','), ...superOptions.split(',')]),
    };
  });
}

/** What is mounted, the topmost only where one hides another. */
export function readMounts(machine: Machine): ReadonlyMap<string, Mount> {
  return new Map(parseMountinfo(required(machine, '/proc/self/mountinfo')).map((mount) => [mount.point, mount]));
}

/** The mount that a path is in. */
export function mountOf(path: string, mounts: ReadonlyMap<string, Mount>): Mount | undefined {
  for (let at = path; ; at = at.slice(0, Math.max(1, at.lastIndexOf('/')))) {
    const mount = mounts.get(at);
    if (mount || at === '/') return mount;
  }
}

/** Spaces and their like are written as octal numbers. */
function unescaped(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}
