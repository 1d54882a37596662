import {
  askedText,
  formerApprover,
  gapText,
  type PacketFindings,
  provesGate,
  staleWaiverDays,
  staleWaivers,
} from '@nixfleet/evidence';
import type { ExitCode } from '../command-definition.ts';
import { drillLine } from '../drill/describe-drill.ts';
import { printable } from '../printable.ts';
import { plural } from '../render/plural.ts';
import type { Terminal } from '../terminal.ts';

/** Most names in one line. */
const namesMax = 20;

/** Prints what was found; 1 if anything is broken. */
export function showFindings(
  terminal: Terminal,
  findings: PacketFindings,
  { isJson }: { readonly isJson: boolean },
): ExitCode {
  const {
    manifest: period,
    hosts,
    breaks,
    releases,
    trust,
    drills,
    commits,
    incompleteHosts,
    leftOut,
    hasFailures,
  } = findings;
  const stale = [...staleWaivers(findings)].sort();
  const isWhole = breaks.length === 0;
  const isProven = drills.some(({ record }) => provesGate(record));
  const without = releases.filter(({ document }) => !commits.has(document.source.commit));
  if (isJson) {
    const found = hosts.map(({ host, asked, timeline: { collections, first, last, gaps } }) => {
      return { host, asked, collections, first, last, gaps };
    });
    const shown = drills.map(({ record: { id, failAt, passed }, ...rest }) => ({ id, failAt, passed, ...rest }));
    const view = {
      ok: isWhole,
      hosts: found,
      leftOut,
      releases: releases.map(({ document: { version, source } }) => {
        return { version, commit: source.commit, hasCommitObject: commits.has(source.commit) };
      }),
      drills: shown,
      isGateProven: isProven,
      staleWaivers: stale,
      breaks,
      incomplete: incompleteHosts,
      hasFailures,
    };
    terminal.result(JSON.stringify(view, null, 2));
    return isWhole ? 0 : 1;
  }
  terminal.result(`trust up to version ${trust.at(-1)?.document.version ?? 'none'}`);
  terminal.result(
    `${plural(releases.length, 'release')}: ${releases.map(({ document }) => document.version).join(', ')}`,
  );
  const newest = releases.at(-1)?.document.version ?? null;
  for (const { host, asked, timeline, ran } of hosts) {
    const { collections, first, last, gaps } = timeline;
    const span = first === null ? '' : `, ${first} to ${last}`;
    const journal = ran === null ? 'no journal' : 'journal verified';
    terminal.result(`${host}: ${plural(collections, 'collection')}${span}; ${journal}`);
    const times = askedText(asked, { period, newest });
    if (times !== null) terminal.result(`  was to collect: ${times}`);
    for (const gap of gaps) terminal.result(`  gap: ${gap.from} to ${gap.to}: ${gapText(gap)}`);
  }
  if (leftOut.length > 0) {
    terminal.result(`left out: ${plural(leftOut.length, 'host')} of the fleet: ${someOf(leftOut)}`);
  }
  if (without.length > 0) {
    const versions = someOf(without.map(({ document }) => String(document.version)));
    terminal.result(
      `no commit object of ${plural(without.length, 'release')}: ${versions}; create takes them from --source`,
    );
  }
  for (const id of stale) {
    terminal.result(`waiver ${id} is stale: its rule has passed for ${staleWaiverDays} days; withdraw it`);
  }
  if (!isProven) {
    const none = drills.length === 0 ? 'no drill in the period' : 'no drill on a host passed in the period';
    terminal.result(`${none}: gate reported unproven`);
  }
  for (const { record, unchecked, isStillApproved } of drills) {
    const by = unchecked.length === 0 ? '' : `; no journal of ${unchecked.join(', ')}`;
    terminal.result(`drill ${drillLine(record)}${by}${isStillApproved ? '' : `; ${formerApprover}`}`);
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

function someOf(names: readonly string[]): string {
  const more = names.length - namesMax;
  return more > 0 ? `${names.slice(0, namesMax).join(', ')} and ${more} more` : names.join(', ');
}
