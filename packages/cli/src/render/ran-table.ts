import type { Instant, RolloutId } from '@nixfleet/contracts';
import { printable } from '../printable.ts';
import type { RanPeriod } from '../verification/ran.ts';
import type { PageStyle } from './status-page.ts';
import { renderTable } from './table.ts';

/** The commit of a rollout's manifest, and where it was found not to be. */
export type CommitOf = ReadonlyMap<RolloutId, string>;

/** What ran, when, and from which commit; whole closures, since an auditor copies them. */
export function ranTable(periods: readonly RanPeriod[], commits: CommitOf, style: PageStyle): string[] {
  const end = (to: Instant | null): string => to ?? 'end of journal';
  const rows = periods.map(({ from, to, running, rolloutId }) => [
    from,
    end(to),
    rolloutId === null ? '-' : printable(commits.get(rolloutId) ?? `rollout ${rolloutId.slice(0, 12)}`),
    running ?? '-',
  ]);
  return renderTable({ headings: ['FROM', 'TO', 'COMMIT', 'RAN'], rows }, { paint: style.paint, columns: null });
}
