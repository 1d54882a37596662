import { ProbeError } from '../errors.ts';
import { probe, type Violation } from '../probe.ts';

const profiles = '/nix/var/nix/profiles';

export const generations = probe({
  name: 'generations',
  summary: 'that there are earlier systems to go back to, whole',
  arguments: { min: { kind: 'number', what: 'fewest generations', default: 5 } },
  facts: { count: 'generations whose system is in the store', newest: 'number of the newest; null: none' },
  violations: ['too-few', 'broken'],
  root: null,
  measure(machine, { min }) {
    const names = machine.list(profiles);
    if (names === null) throw new ProbeError('unreadable', `${profiles}: is not there`);
    const violations: Violation[] = [];
    const whole: number[] = [];
    for (const name of names) {
      const number = /^system-(\d{1,9})-link$/.exec(name)?.[1];
      if (number === undefined) continue;
      const target = machine.realPath(`${profiles}/${name}`);
      // A system without its activation is none to go back to.
      if (target?.startsWith('/nix/store/') && machine.status(`${target}/activate`, { follow: true }) !== null)
        whole.push(Number(number));
      else violations.push({ what: 'broken', subject: name, observed: target });
    }
    if (whole.length < min)
      violations.push({ what: 'too-few', subject: profiles, observed: whole.length, expected: min });
    return { facts: { count: whole.length, newest: whole.length > 0 ? Math.max(...whole) : null }, violations };
  },
});
