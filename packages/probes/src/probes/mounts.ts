import { ProbeError } from '../errors.ts';
import { mountOf, readMounts } from '../mounts.ts';
import { probe, type Violation } from '../probe.ts';

/** `/tmp=tmpfs:nosuid,nodev` or `/boot=*:nosuid|ro`. */
const want = /^(\/[^=]*?)(\?)?=([^:]*)(?::(.+))?$/;

export const mounts = probe({
  name: 'mounts',
  summary: 'that a directory is a mount of its own, of a type, with options',
  arguments: {
    expect: {
      kind: 'list',
      what: '`/point=type:option,option`: types and alternatives of an option divided by `|`, type `*` for any; `/point?=…` need not be there',
    },
  },
  facts: { mounts: 'what is mounted at each point: type and options' },
  violations: ['not-mounted', 'type', 'option'],
  root: null,
  measure(machine, { expect }) {
    if (expect.length === 0) throw new ProbeError('bad-arguments', '--expect: must be given');
    const all = readMounts(machine);
    const violations: Violation[] = [];
    const found: Record<string, { type: string; options: string[] } | null> = {};
    for (const text of expect) {
      const [, point, optional, types, options] = want.exec(text) ?? [];
      if (point === undefined || types === undefined)
        throw new ProbeError('bad-arguments', `--expect: expected /point=type:options, got ${text}`);
      // A directory that is a link is what it leads to.
      const place = machine.realPath(point) ?? point;
      const mount = all.get(place);
      found[point] = mount ? { type: mount.type, options: [...mount.options].sort() } : null;
      if (!mount) {
        if (optional !== '?' || machine.status(point) !== null)
          violations.push({
            what: 'not-mounted',
            subject: point,
            observed: mountOf(place, all)?.point ?? null,
            expected: point,
          });
        continue;
      }
      if (types !== '*' && !types.split('|').includes(mount.type))
        violations.push({ what: 'type', subject: point, observed: mount.type, expected: types });
      for (const option of options?.split(',') ?? [])
        if (!option.split('|').some((one) => mount.options.has(one)))
          violations.push({ what: 'option', subject: point, observed: null, expected: option });
    }
    return { facts: { mounts: found }, violations };
  },
});
