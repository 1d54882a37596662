import { entriesOf, type FleetDocument, type Instant, isPinExpired, pinAt } from '@nixfleet/contracts';
import { resolveChannelTimes } from '@nixfleet/release';
import type { Finding } from './finding.ts';

/** What only a time zone database or the date shows: windows that cannot be resolved, freezes and pins that are over. */
export function checkTimes(fleet: FleetDocument, now: Instant): Finding[] {
  const findings: Finding[] = [];
  for (const [channel, declared] of entriesOf(fleet.channels)) {
    const times = resolveChannelTimes(declared, { channel, now });
    if (!times.ok) {
      const [where = '', ...rest] = times.detail.split(': ');
      findings.push({ severity: 'error', where, what: rest.join(': '), next: 'correct it; no release is made before' });
      continue;
    }
    for (const [index, { to, reason }] of times.value.freezes.entries()) {
      if (now < to) continue;
      const where = `channels.${channel}.freezes[${index}]`;
      findings.push({ severity: 'warning', where, what: `over since ${to} (${reason})`, next: 'remove it' });
    }
  }
  for (const [host, declared] of entriesOf(fleet.hosts)) {
    const { pin } = declared;
    if (!pin || !isPinExpired(pin, now)) continue;
    const wider = pinAt(declared, now);
    const instead = wider === pin ? '' : `, and goes by that of a wider scope (${wider?.reason})`;
    const what = `pinned until ${pin.expiresAt} (${pin.reason}): the next release takes no notice of it${instead}`;
    findings.push({ severity: 'warning', where: `hosts.${host}`, what, next: 'remove the pin, or give it more time' });
  }
  return findings;
}
