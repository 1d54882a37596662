import { readAccounts, readGroups } from '../accounts.ts';
import { ProbeError } from '../errors.ts';
import { mountOf, readMounts } from '../mounts.ts';
import { probe, type Violation } from '../probe.ts';

export const secretFiles = probe({
  name: 'secret-files',
  summary: 'that secrets are there for their owner alone, in memory, and none in the store',
  arguments: {
    secret: { kind: 'list', what: '`/run/secrets/name=owner:group:mode`, mode in octal; fewer rights are allowed' },
    onDisk: { kind: 'switch', what: 'they may lie on a disk' },
  },
  facts: { secrets: '`{path, mode, fileSystem}`' },
  violations: ['nothing-declared', 'missing', 'owner', 'mode', 'on-disk', 'in-store'],
  root: 'folders that only services may enter',
  measure(machine, { secret, onDisk }) {
    const violations: Violation[] = secret.length === 0 ? [{ what: 'nothing-declared', subject: '--secret' }] : [];
    const mounts = readMounts(machine);
    const accounts = new Map(readAccounts(machine).map(({ name, uid }) => [name, uid]));
    const groups = new Map(readGroups(machine).map(({ name, gid }) => [name, gid]));
    const secrets: { path: string; mode: string; fileSystem: string | null }[] = [];
    for (const one of secret) {
      const [, path, owner = '', group = '', mode] = /^(\/[^=]+)=([^:]*):([^:]*):([0-7]{3,4})$/.exec(one) ?? [];
      if (path === undefined || mode === undefined)
        throw new ProbeError('bad-arguments', `--secret: expected /path=owner:group:mode, got ${one}`);
      const place = machine.realPath(path);
      const status = place === null ? null : machine.status(place);
      if (place === null || status === null) {
        violations.push({ what: 'missing', subject: path });
        continue;
      }
      const fileSystem = mountOf(place, mounts)?.type ?? null;
      secrets.push({ path, mode: status.mode.toString(8), fileSystem });
      if (place.startsWith('/nix/store/')) violations.push({ what: 'in-store', subject: path });
      if (status.uid !== accounts.get(owner) || status.gid !== groups.get(group))
        violations.push({
          what: 'owner',
          subject: path,
          observed: `${status.uid}:${status.gid}`,
          expected: `${accounts.get(owner) ?? '?'}:${groups.get(group) ?? '?'}`,
        });
      // A right that was not declared is one too many.
      if ((status.mode & ~Number.parseInt(mode, 8)) !== 0)
        violations.push({ what: 'mode', subject: path, observed: status.mode.toString(8), expected: mode });
      if (!onDisk && fileSystem !== 'tmpfs' && fileSystem !== 'ramfs')
        violations.push({ what: 'on-disk', subject: path, observed: fileSystem, expected: 'tmpfs' });
    }
    return { facts: { secrets }, violations };
  },
});
