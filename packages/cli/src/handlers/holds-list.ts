import type { HoldListing, HoldStanding, HoldsView, Sha256Hex } from '@nixfleet/contracts';
import { msToInstant } from '@nixfleet/contracts';
import { systemClock } from '@nixfleet/contracts/node-clock';
import { type FoundHold, listHolds } from '@nixfleet/release';
import type { CommandContext } from '../command-context.ts';
import type { ExitCode } from '../command-definition.ts';
import type { CommandValues } from '../command-values.ts';
import { printable } from '../printable.ts';
import { showRefusal } from '../refusal-line.ts';
import { openWorkshop } from '../release-setup/workshop.ts';
import type { Colour } from '../render/paint.ts';
import { renderTable } from '../render/table.ts';
import { timeAgo } from '../render/time-ago.ts';

export async function run(context: CommandContext, values: CommandValues): Promise<ExitCode> {
  const { terminal } = context;
  const { ctx, target, start } = await openWorkshop(context, values);
  const outcome = await listHolds(ctx, { target, start, clock: systemClock });
  if (!outcome.ok) return showRefusal(terminal, outcome);
  const view = holdsView(outcome.value);
  if (values.flag('json')) terminal.result(JSON.stringify(view, null, 2));
  else for (const line of holdLines(view, context)) terminal.result(line);
  return 0;
}

/** What is no hold at all, or is not signed by a single approver, is no business of whoever asks what holds a channel. */
function holdsView(found: { readonly holds: readonly FoundHold[]; readonly named: ReadonlySet<Sha256Hex> }): HoldsView {
  const holds = found.holds.flatMap((hold): HoldListing[] => {
    const standing = standingOf(hold, found.named.has(hold.sha256));
    if (hold.document === null || standing === null) return [];
    const { channel, reason, createdAt, expiresAt } = hold.document;
    return [{ sha256: hold.sha256, standing, channel, reason, createdAt, expiresAt, approvers: [...hold.approvers] }];
  });
  const key = ({ channel, createdAt, sha256 }: HoldListing): string => `${channel} ${createdAt} ${sha256}`;
  return { holds: holds.sort((left, right) => (key(left) < key(right) ? -1 : 1)) };
}

function standingOf(hold: FoundHold, isNamed: boolean): HoldStanding | null {
  switch (hold.kind) {
    case 'active':
      return isNamed ? 'in-force' : 'unnamed';
    case 'lifted':
      return isNamed ? 'lifting' : 'lifted';
    case 'ended':
      return 'ended';
    default:
      if (hold.refusal.reason !== 'too-few-signers' || (hold.approvers.length === 0 && !isNamed)) return null;
      return isNamed ? 'in-force' : 'pending';
  }
}

const colours: Readonly<Record<HoldStanding, Colour>> = {
  'in-force': 'red',
  unnamed: 'red',
  lifting: 'yellow',
  pending: 'yellow',
  lifted: 'dim',
  ended: 'dim',
};

function holdLines({ holds }: HoldsView, { terminal, clock }: CommandContext): string[] {
  if (holds.length === 0) return ['nothing holds any channel'];
  const now = msToInstant(clock.now());
  const rows = holds.map(({ sha256, standing, channel, reason, expiresAt, approvers }) => [
    channel,
    { text: standing, colour: colours[standing] },
    `${expiresAt} (${timeAgo(expiresAt, now)})`,
    approvers.join(', ') || '-',
    sha256.slice(0, 12),
    printable(reason),
  ]);
  return renderTable({ headings: ['CHANNEL', 'STANDING', 'ENDS', 'APPROVERS', 'HOLD', 'REASON'], rows }, terminal);
}
