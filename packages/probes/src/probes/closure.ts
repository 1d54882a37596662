import { allViolations, lookArgument, lookedAt } from '../aspects.ts';
import { probe, type Violation } from '../probe.ts';

/** Where units of the running system may come from; everything in them has to lead into the store. */
const unitFolders = [
  '/etc/systemd/system',
  '/run/systemd/system',
  '/etc/systemd/system.control',
  '/usr/local/lib/systemd/system',
];
const dayMs = 86_400_000;

const aspects = {
  system: ['no-system', 'not-released'],
  profile: ['out-of-band-generation'],
  age: ['old'],
  kernel: ['other-kernel'],
  units: ['strange-unit'],
};

export const closure = probe({
  name: 'closure',
  summary:
    'that the running system is the released one, with nothing beside it, booted with its own kernel, and not too old',
  arguments: {
    look: lookArgument(aspects),
    released: { kind: 'list', what: 'store path of a system that may run; none given: not compared' },
    releasedAt: { kind: 'text', what: 'when it was released, RFC 3339; none: age is not looked at', default: null },
    maxAgeDays: { kind: 'number', what: 'oldest that the release may be', default: null },
    kernel: { kind: 'switch', what: 'the booted kernel and initrd have to be those of the running system' },
    switches: {
      kind: 'text',
      what: "the agent's records of switches",
      default: '/var/lib/nixfleet-agent/switch',
    },
    unit: { kind: 'list', what: 'unit from outside the closure that is allowed' },
  },
  facts: {
    running: 'store path of /run/current-system',
    booted: 'store path of /run/booted-system',
    profile: 'store path of the system profile',
    isSwitching: 'whether a switch is under way that would go back to the profile',
    generation: 'its number; null: none',
    ageDays: 'days since the release; null: not said',
    strangeUnits: 'unit files that are not of the closure',
  },
  violations: allViolations(aspects),
  root: "the agent's records of switches",
  measure(machine, { look, released, releasedAt, maxAgeDays, kernel, unit, switches }) {
    const running = machine.realPath('/run/current-system');
    const booted = machine.realPath('/run/booted-system');
    const profile = machine.realPath('/nix/var/nix/profiles/system');
    const generation = /^system-(\d{1,9})-link$/.exec(machine.readLink('/nix/var/nix/profiles/system') ?? '')?.[1];
    const isSwitching = (machine.list(switches) ?? []).some((name) =>
      (machine.read(`${switches}/${name}/armed`) ?? '').split('\n').includes(`to=${profile}`),
    );
    const violations: Violation[] = [];
    if (running === null) violations.push({ what: 'no-system', subject: '/run/current-system' });
    else if (released.length > 0 && !released.includes(running))
      violations.push({
        what: 'not-released',
        subject: '/run/current-system',
        observed: running,
        expected: released[0] ?? null,
      });
    // What will run after the next boot must be what was released, too.
    if (profile !== null && profile !== running && !isSwitching && !released.includes(profile))
      violations.push({
        what: 'out-of-band-generation',
        subject: `system-${generation ?? '?'}-link`,
        observed: profile,
        expected: running,
      });
    const at = releasedAt === null ? Number.NaN : Date.parse(releasedAt);
    const ageDays = Number.isNaN(at) ? null : Math.floor((machine.nowMs - at) / dayMs);
    if (maxAgeDays !== null && (ageDays === null || ageDays > maxAgeDays))
      violations.push({ what: 'old', subject: 'release', observed: ageDays, expected: maxAgeDays });
    // A kernel that came with the switch under way runs after the next boot; from the confirmation on, it is a debt.
    if (kernel && !isSwitching)
      for (const part of ['kernel', 'initrd']) {
        const [has, wants] = [
          machine.realPath(`/run/booted-system/${part}`),
          machine.realPath(`/run/current-system/${part}`),
        ];
        if (has !== wants || wants === null)
          violations.push({ what: 'other-kernel', subject: part, observed: has, expected: wants });
      }
    const strange: string[] = [];
    for (const folder of unitFolders)
      for (const name of machine.list(folder) ?? []) {
        const path = `${folder}/${name}`;
        // A folder of links, such as multi-user.target.wants, is looked into by nobody but systemd: its units are units above.
        if (unit.includes(name) || machine.status(path, { follow: true })?.kind !== 'file') continue;
        if (!(machine.realPath(path) ?? '').startsWith('/nix/store/')) strange.push(path);
      }
    for (const path of strange) violations.push({ what: 'strange-unit', subject: path });
    return {
      facts: {
        running,
        booted,
        profile,
        isSwitching,
        generation: generation === undefined ? null : Number(generation),
        ageDays,
        strangeUnits: strange.slice(0, 64),
      },
      violations: lookedAt(aspects, look, violations),
    };
  },
});
