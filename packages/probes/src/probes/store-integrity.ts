import { ProbeError } from '../errors.ts';
import { mountOf, readMounts } from '../mounts.ts';
import { probe, type Violation } from '../probe.ts';

const features = ['--extra-experimental-features', 'nix-command'] as const;
/** `nix store verify`: 1 nothing in particular, 2 untrusted, 4 contents differ, and sums of them. */
const exitCodes = [0, 1, 2, 3, 4, 5, 6, 7];
const shownMax = 32;

export const storeIntegrity = probe({
  name: 'store-integrity',
  summary: 'that the closure of the running system is signed, is what was built, and cannot be written to',
  arguments: {
    path: { kind: 'text', what: 'whose closure', default: '/run/current-system' },
    contents: { kind: 'switch', what: 'hash all of it again, which takes minutes on a large closure' },
    slices: {
      kind: 'number',
      what: 'hash one of so many parts of the closure, another one each hour: all of it in so many hours',
      default: 1,
    },
    signatures: { kind: 'number', what: 'how many keys have to have signed each path; 0: not looked at', default: 0 },
    readOnly: { kind: 'switch', what: '/nix/store has to be mounted read-only' },
  },
  facts: {
    paths: 'paths of the closure',
    bad: 'those that are modified or untrusted',
    isReadOnly: 'whether the store is mounted read-only',
  },
  violations: ['modified', 'untrusted', 'writable', 'not-valid'],
  root: null,
  async measure(machine, { path, contents, slices, signatures, readOnly }) {
    const place = machine.realPath(path);
    if (!place?.startsWith('/nix/store/')) throw new ProbeError('unreadable', `${path}: leads to no store path`);
    const listed = await machine.run(['nix-store', '--query', '--requisites', place], { exitCodes: [0, 1] });
    const paths = listed.stdout.split('\n').filter(Boolean);
    const violations: Violation[] = [];
    if (listed.exitCode !== 0) violations.push({ what: 'not-valid', subject: place });
    const bad: string[] = [];
    const hour = Math.floor(machine.nowMs / 3_600_000);
    const looked = slices > 1 ? paths.filter((_, at) => at % slices === hour % slices) : ['--recursive', place];
    if (listed.exitCode === 0 && looked.length > 0 && (contents || signatures > 0)) {
      const { exitCode, stderr } = await machine.run(
        [
          'nix',
          ...features,
          'store',
          'verify',
          ...(contents ? [] : ['--no-contents']),
          ...(signatures > 0 ? ['--sigs-needed', String(signatures)] : ['--no-trust']),
          ...looked,
        ],
        { exitCodes, timeoutMs: 25_000 },
      );
      for (const [, one = '', how = ''] of stderr.matchAll(/path '([^']+)' (was modified|is untrusted|lacks)/g)) {
        bad.push(one);
        violations.push({ what: how === 'was modified' ? 'modified' : 'untrusted', subject: one });
      }
      if (exitCode !== 0 && bad.length === 0)
        throw new ProbeError('command-failed', `nix store verify: exit code ${exitCode}: ${stderr.trim().slice(-200)}`);
    }
    const mount = mountOf('/nix/store', readMounts(machine));
    const isReadOnly = mount?.point === '/nix/store' && mount.options.has('ro');
    if (readOnly && !isReadOnly)
      violations.push({ what: 'writable', subject: '/nix/store', observed: mount?.point ?? null });
    return { facts: { paths: paths.length, bad: bad.slice(0, shownMax), isReadOnly }, violations };
  },
});
