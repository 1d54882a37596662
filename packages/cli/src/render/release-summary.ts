import type { HostChange, ReleaseSummary } from '@nixfleet/release';
import { printable } from '../printable.ts';
import { closureLabel } from './closure-label.ts';
import type { Colour } from './paint.ts';
import type { PageStyle } from './status-page.ts';
import { renderTable } from './table.ts';

export const changeColours: Readonly<Record<HostChange['change'], Colour>> = {
  new: 'green',
  changed: 'cyan',
  unchanged: 'dim',
  'carried-over': 'yellow',
  removed: 'red',
};

/** Most packages named in one row. */
const packagesShownMax = 4;

/** What a release changes, host by host. */
export function releaseSummary(
  { assembly, changes, warnings, previousVersion }: ReleaseSummary,
  style: PageStyle,
): string[] {
  const { version, source } = assembly.release;
  const after = previousVersion === null ? 'the first' : `after ${previousVersion}`;
  const changed = assembly.changedChannels.length === 0 ? 'no channel' : assembly.changedChannels.join(', ');
  const rows = changes.map((row) => [
    row.host,
    row.channel ?? '-',
    { text: row.change, colour: changeColours[row.change] },
    closureLabel(row.closure, row.host),
    packagesLabel(row),
  ]);
  return [
    `release ${version} (${after}) of commit ${source.commit}: new rollouts in ${changed}`,
    ...warnings.map((warning) => style.paint('yellow', `warning: ${printable(warning)}`)),
    '',
    ...renderTable({ headings: ['HOST', 'CHANNEL', 'CHANGE', 'CLOSURE', 'PACKAGES'], rows }, style),
    ...changes.flatMap((row) => pinLines(row, style)),
  ];
}

/** One line for a pinned host: it runs something else than the released commit says, and somebody decided so. */
export function pinLines({ host, pin }: Pick<HostChange, 'host' | 'pin'>, style: PageStyle): string[] {
  if (!pin) return [];
  const to = 'commit' in pin ? `commit ${pin.commit.slice(0, 8)}` : closureLabel(pin.closure, host);
  const why = printable(pin.reason);
  if (pin.isExpired) {
    return [
      style.paint('yellow', `warning: ${host}: its pin to ${to} expired at ${pin.expiresAt} (${why}): remove it`),
    ];
  }
  return [`${host} is pinned to ${to}${pin.expiresAt === undefined ? '' : ` until ${pin.expiresAt}`}: ${why}`];
}

/** `+2 -1 ~3: openssl 3.0.1 → 3.0.2, …`. */
export function packagesLabel({ packages, change }: Pick<HostChange, 'packages' | 'change'>): string {
  if (change === 'unchanged' || change === 'removed') return '';
  if (!packages) return change === 'new' ? '' : 'not comparable';
  const { added, removed, changed } = packages;
  const named = [
    ...changed.map(({ name, from, to }) => `${name} ${from.join(', ')} → ${to.join(', ')}`),
    ...added.map(({ name, version }) => `+${name} ${version}`.trim()),
    ...removed.map(({ name, version }) => `-${name} ${version}`.trim()),
  ];
  const more = named.length > packagesShownMax ? `, and ${named.length - packagesShownMax} more` : '';
  const counts = `+${added.length} -${removed.length} ~${changed.length}`;
  return named.length === 0
    ? counts
    : `${counts}: ${named.slice(0, packagesShownMax).map(printable).join(', ')}${more}`;
}
