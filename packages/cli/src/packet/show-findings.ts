import type { PacketFindings } from '@nixfleet/evidence';
import type { ExitCode } from '../command-definition.ts';
import { drillLine } from '../drill/describe-drill.ts';
import { printable } from '../printable.ts';
import { plural } from '../render/plural.ts';
import type { Terminal } from '../terminal.ts';

/** Prints what was found; 1 if anything is broken. */
export function showFindings(
  terminal: Terminal,
  { hosts, breaks, releases, trust, drills, incompleteHosts, hasFailures }: PacketFindings,
  { isJson }: { readonly isJson: boolean },
): ExitCode {
  const isWhole = breaks.length === 0;
  if (isJson) {
    const found = hosts.map(({ host, timeline: { collections, first, last, gaps } }) => {
      return { host, collections, first, last, gaps };
    });
    const shown = drills.map(({ record: { id, failAt, passed }, unchecked }) => ({ id, failAt, passed, unchecked }));
    const view = { ok: isWhole, hosts: found, drills: shown, breaks, incomplete: incompleteHosts, hasFailures };
    terminal.result(JSON.stringify(view, null, 2));
    return isWhole ? 0 : 1;
  }
  terminal.result(`trust up to version ${trust.at(-1)?.document.version ?? 'none'}`);
  terminal.result(
    `${plural(releases.length, 'release')}: ${releases.map(({ document }) => document.version).join(', ')}`,
  );
  for (const { host, timeline, ran } of hosts) {
    const { collections, first, last, gaps } = timeline;
    const span = first === null ? '' : `, ${first} to ${last}`;
    const journal = ran === null ? 'no journal' : 'journal verified';
    terminal.result(`${host}: ${plural(collections, 'collection')}${span}; ${journal}`);
    for (const gap of gaps) terminal.result(`  gap: nothing was collected from ${gap.from} to ${gap.to}`);
  }
  if (drills.length === 0) terminal.result('no drill in the period: gate reported unproven');
  for (const { record, unchecked } of drills) {
    const by = unchecked.length === 0 ? '' : `; no journal of ${unchecked.join(', ')}`;
    terminal.result(`drill ${drillLine(record)}${by}`);
  }
  for (const { code, where, detail } of breaks) {
    terminal.result(terminal.paint('red', `broken (${code}) ${printable(where)}: ${printable(detail)}`));
  }
  if (!isWhole) terminal.talk(`nixfleet: ${plural(breaks.length, 'break')}: the packet does not show what it says`);
  else
    terminal.result(
      terminal.paint('green', hasFailures ? 'everything holds; some controls failed' : 'everything holds'),
    );
  return isWhole ? 0 : 1;
}
