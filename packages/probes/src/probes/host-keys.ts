import { probe, type Violation } from '../probe.ts';

const folder = '/etc/ssh';
const dayMs = 86_400_000;

export const hostKeys = probe({
  name: 'host-keys',
  summary: 'host keys of sshd: algorithms, that nobody else reads them, and that they are the released ones',
  arguments: {
    algorithm: { kind: 'list', what: 'allowed algorithm, such as ssh-ed25519; none given: ssh-ed25519' },
    file: { kind: 'list', what: 'private key; none given: ssh_host_*_key of /etc/ssh' },
    released: { kind: 'list', what: 'public key of a signed release, base64 as in its line; none given: not compared' },
    releasedAt: {
      kind: 'text',
      what: 'when the key was first released, RFC 3339: a file says nothing of the age of a key',
      default: null,
    },
    maxAgeDays: { kind: 'number', what: 'oldest that it may be', default: null },
  },
  facts: { keys: '`{file, algorithm}`', ageDays: 'days since its first release; null: not said' },
  violations: ['no-key', 'algorithm', 'readable', 'other-key', 'no-public-half', 'old'],
  root: null,
  measure(machine, { algorithm, file, released, releasedAt, maxAgeDays }) {
    const allowed = algorithm.length > 0 ? algorithm : ['ssh-ed25519'];
    const files =
      file.length > 0
        ? file
        : (machine.list(folder) ?? [])
            .filter((name) => /^ssh_host_\w+_key$/.test(name))
            .map((name) => `${folder}/${name}`);
    const violations: Violation[] = [];
    const keys: { file: string; algorithm: string | null }[] = [];
    for (const one of files) {
      const status = machine.status(one, { follow: true });
      if (status === null) {
        violations.push({ what: 'no-key', subject: one });
        continue;
      }
      if ((status.mode & 0o077) !== 0 || status.uid !== 0)
        violations.push({ what: 'readable', subject: one, observed: status.mode.toString(8), expected: '600' });
      const [name = null, key = ''] = machine.read(`${one}.pub`)?.trim().split(/\s+/) ?? [];
      keys.push({ file: one, algorithm: name });
      if (name === null) violations.push({ what: 'no-public-half', subject: one });
      else if (!allowed.includes(name))
        violations.push({ what: 'algorithm', subject: one, observed: name, expected: allowed.join(' ') });
      else if (released.length > 0 && !released.includes(key)) violations.push({ what: 'other-key', subject: one });
    }
    if (files.length === 0) violations.push({ what: 'no-key', subject: folder });
    const at = releasedAt === null ? Number.NaN : Date.parse(releasedAt);
    const ageDays = Number.isNaN(at) ? null : Math.floor((machine.nowMs - at) / dayMs);
    if (maxAgeDays !== null && (ageDays === null || ageDays > maxAgeDays))
      violations.push({ what: 'old', subject: 'host key', observed: ageDays, expected: maxAgeDays });
    return { facts: { keys, ageDays }, violations };
  },
});
