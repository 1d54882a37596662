import { ProbeError } from '../errors.ts';
import { probe, type Violation } from '../probe.ts';

interface Exposure {
  readonly unit: string;
  /** Tenths, 0 to 100: systemd says 9.6. */
  readonly tenths: number;
}

/** `systemd-analyze security --json=short`; `exposure` is a number or, in older versions, text. */
export function parseSecurity(text: string): Exposure[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new ProbeError('malformed', 'systemd-analyze: not JSON');
  }
  if (!Array.isArray(value)) throw new ProbeError('malformed', 'systemd-analyze: expected a list');
  return (value as { unit?: unknown; exposure?: unknown }[]).map(({ unit, exposure }) => {
    const number = Number(typeof exposure === 'string' ? exposure.replace(',', '.') : exposure);
    if (typeof unit !== 'string' || !Number.isFinite(number))
      throw new ProbeError('malformed', 'systemd-analyze: a unit without exposure');
    return { unit, tenths: Math.round(number * 10) };
  });
}

export const serviceSecurity = probe({
  name: 'service-security',
  summary: 'how exposed running services are, as systemd reckons',
  arguments: {
    maxTenths: { kind: 'number', what: 'highest exposure, in tenths: 50 for 5.0' },
    unit: { kind: 'list', what: 'unit that is looked at; none given: all services' },
    except: { kind: 'list', what: 'unit that is left out' },
  },
  facts: { services: 'services that were looked at', worst: '`{unit, tenths}` of the ten most exposed' },
  violations: ['exposed', 'not-loaded'],
  root: null,
  async measure(machine, { maxTenths, unit, except }) {
    const { stdout } = await machine.run(['systemd-analyze', 'security', '--no-pager', '--json=short'], {
      timeoutMs: 25_000,
    });
    const all = parseSecurity(stdout);
    const looked = all
      .filter((one) => (unit.length === 0 || unit.includes(one.unit)) && !except.includes(one.unit))
      .sort((a, b) => b.tenths - a.tenths);
    const violations: Violation[] = looked
      .filter(({ tenths }) => tenths > maxTenths)
      .map(({ unit: subject, tenths }) => ({ what: 'exposed', subject, observed: tenths, expected: maxTenths }));
    for (const one of unit)
      if (!all.some((other) => other.unit === one)) violations.push({ what: 'not-loaded', subject: one });
    return { facts: { services: looked.length, worst: looked.slice(0, 10).map((one) => ({ ...one })) }, violations };
  },
});
