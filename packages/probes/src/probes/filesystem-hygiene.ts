import { readAccounts, readGroups } from '../accounts.ts';
import { allViolations, isLookedAt, lookArgument, lookedAt } from '../aspects.ts';
import { ProbeError } from '../errors.ts';
import type { FileStatus, Machine } from '../machine.ts';
import { mountOf, readMounts } from '../mounts.ts';
import { probe, type Violation } from '../probe.ts';

const entriesMax = 2_000_000;
const shownMax = 48;
/** Not files of a disk of this machine; or, as the store, nothing that can have such bits, and much of it. */
const skippedTypes = new Set([
  'proc',
  'sysfs',
  'cgroup',
  'cgroup2',
  'devpts',
  'devtmpfs',
  'mqueue',
  'securityfs',
  'debugfs',
  'tracefs',
  'bpf',
  'efivarfs',
  'configfs',
  'pstore',
  'autofs',
  'nfs',
  'nfs4',
  'cifs',
  'fuse.sshfs',
  'ramfs',
]);
/** Folders that everybody may write to. */
const openFolders = ['/tmp', '/var/tmp', '/dev/shm'];
const skippedFolders = ['/nix/store', '/proc', '/sys', '/dev'];

const aspects = {
  setuid: ['setuid'],
  owners: ['no-sticky', 'world-writable-file', 'unowned'],
  sockets: ['open-socket'],
  modes: ['mode', 'missing'],
  umask: ['umask'],
};

export const filesystemHygiene = probe({
  name: 'filesystem-hygiene',
  summary: "modes and owners of every file: setuid census, world-writable without sticky bit, nobody's files",
  arguments: {
    look: lookArgument(aspects),
    setuid: { kind: 'list', what: 'declared setuid or setgid file, or folder ending in `/`; default /run/wrappers/' },
    except: { kind: 'list', what: 'folder that is left out' },
    mode: { kind: 'list', what: '`/etc/shadow=640`: file that may have no more rights than these' },
    umask: {
      kind: 'text',
      what: 'least that the umask of logins has to take away, octal; none: not looked at',
      default: null,
    },
  },
  facts: {
    entries: 'files and folders that were looked at',
    setuid: 'setuid and setgid files',
    worldWritable: 'folders that everybody may write to, without sticky bit',
    unowned: 'files of users or groups that are not there',
    umask: 'umask of logins; null: not said',
  },
  violations: allViolations(aspects),
  root: 'folders of all users',
  measure(machine, { look, setuid, except, mode, umask }) {
    const allowed = setuid.length > 0 ? setuid : ['/run/wrappers/'];
    const uids = new Set(readAccounts(machine).map(({ uid }) => uid));
    const gids = new Set(readGroups(machine).map(({ gid }) => gid));
    const violations: Violation[] = [];
    const found: Record<'setuid' | 'worldWritable' | 'unowned', string[]> = {
      setuid: [],
      worldWritable: [],
      unowned: [],
    };
    const isWalked = isLookedAt(look, 'setuid') || isLookedAt(look, 'owners');
    const visit = (path: string, status: FileStatus): void => {
      const isFile = status.kind === 'file';
      if (isFile && (status.mode & 0o6000) !== 0) {
        found.setuid.push(path);
        if (!allowed.some((one) => (one.endsWith('/') ? path.startsWith(one) : path === one)))
          violations.push({ what: 'setuid', subject: path, observed: status.mode.toString(8) });
      }
      if ((status.mode & 0o002) !== 0 && status.kind === 'directory' && (status.mode & 0o1000) === 0) {
        found.worldWritable.push(path);
        violations.push({ what: 'no-sticky', subject: path, observed: status.mode.toString(8), expected: '1777' });
      }
      if ((status.mode & 0o002) !== 0 && isFile)
        violations.push({ what: 'world-writable-file', subject: path, observed: status.mode.toString(8) });
      // systemd's dynamic users and nobody own what services of theirs leave behind (systemd, UIDS-GIDS).
      const isNobody = (known: ReadonlySet<number>, id: number): boolean =>
        !known.has(id) && !(id >= 61_184 && id <= 65_519);
      if (isNobody(uids, status.uid) || isNobody(gids, status.gid)) {
        found.unowned.push(path);
        violations.push({ what: 'unowned', subject: path, observed: `${status.uid}:${status.gid}` });
      }
    };
    const entries = isWalked ? walk(machine, '/', [...skippedFolders, ...except], visit) : 0;
    if (isLookedAt(look, 'sockets'))
      for (const folder of openFolders)
        walk(machine, folder, except, (path, { kind, mode: rights }) => {
          // Where everybody may put a name, whoever comes first has it; the rights of the file are all there is.
          if ((kind === 'socket' || kind === 'fifo') && (rights & 0o077) !== 0)
            violations.push({ what: 'open-socket', subject: path, observed: rights.toString(8), expected: '700' });
        });
    for (const one of mode) {
      const [, path, wanted = ''] = /^(\/[^=]*)=([0-7]{3,4})$/.exec(one) ?? [];
      if (path === undefined) throw new ProbeError('bad-arguments', `--mode: expected /path=640, got ${one}`);
      const status = machine.status(path, { follow: true });
      if (!status) violations.push({ what: 'missing', subject: path });
      else if ((status.mode & ~Number.parseInt(wanted, 8)) !== 0)
        violations.push({ what: 'mode', subject: path, observed: status.mode.toString(8), expected: wanted });
    }
    const held = umaskOf(machine);
    if (
      umask !== null &&
      (held === null || (Number.parseInt(held, 8) & Number.parseInt(umask, 8)) !== Number.parseInt(umask, 8))
    )
      violations.push({ what: 'umask', subject: 'umask', observed: held, expected: umask });
    const shown = Object.fromEntries(Object.entries(found).map(([name, paths]) => [name, paths.slice(0, shownMax)]));
    return {
      facts: {
        entries,
        setuid: shown.setuid ?? [],
        worldWritable: shown.worldWritable ?? [],
        unowned: shown.unowned ?? [],
        umask: held,
      },
      violations: lookedAt(aspects, look, violations),
    };
  },
});

/** Every file below a folder but those of skipped file systems, links not followed. */
function walk(
  machine: Machine,
  root: string,
  skipped: readonly string[],
  visit: (path: string, status: FileStatus) => void,
): number {
  const mounts = machine.isRunning ? readMounts(machine) : new Map();
  const waiting = [root];
  let entries = 0;
  for (let folder = waiting.pop(); folder !== undefined; folder = waiting.pop()) {
    for (const name of machine.list(folder) ?? []) {
      const path = folder === '/' ? `/${name}` : `${folder}/${name}`;
      const status = machine.status(path);
      // It went away meanwhile, or is only a link.
      if (status === null || status.kind === 'link') continue;
      if (++entries > entriesMax) throw new ProbeError('oversized', `more than ${entriesMax} files`);
      if (skipped.includes(path) || skippedTypes.has(mounts.get(path)?.type ?? '')) continue;
      // Files of a container's images are another system's.
      if (mounts.get(path)?.type === 'overlay' && path !== '/' && mountOf(path, mounts) !== mounts.get('/')) continue;
      visit(path, status);
      if (status.kind === 'directory') waiting.push(path);
    }
  }
  return entries;
}

/** Of login.defs, and of shells' files, which come later. */
function umaskOf(machine: Machine): string | null {
  const logins = /^\s*UMASK\s+([0-7]{3,4})/m.exec(machine.read('/etc/login.defs') ?? '')?.[1] ?? null;
  let held = logins;
  for (const file of ['/etc/profile', '/etc/bashrc', '/etc/bash.bashrc', '/etc/set-environment'])
    held = /^\s*umask\s+([0-7]{3,4})/m.exec(machine.read(file) ?? '')?.[1] ?? held;
  return held;
}
