import { msToInstant } from '@nixfleet/contracts';
import { systemClock } from '@nixfleet/contracts/node-clock';
import { publishTrust, readTrust, updateTrust } from '@nixfleet/release';
import type { CommandContext } from '../command-context.ts';
import type { ExitCode } from '../command-definition.ts';
import type { CommandValues } from '../command-values.ts';
import { showRefusal } from '../refusal-line.ts';
import { showProposal } from '../release-setup/show-proposal.ts';
import { parseSigners, requireSigners } from '../release-setup/signers.ts';
import { editTrust, withReadableMistakes } from '../release-setup/trust-edits.ts';
import { openWorkshop } from '../release-setup/workshop.ts';

export async function run(context: CommandContext, values: CommandValues): Promise<ExitCode> {
  const { terminal } = context;
  const { ctx, target, start, commands } = await openWorkshop(context, values);
  const signers = await parseSigners(context, commands, { texts: values.list('root-key'), option: '--root-key' });
  requireSigners(signers, '--root-key');
  const snapshot = await target.snapshot();
  const chain = await readTrust(ctx, { tree: snapshot.tree, start });
  if (!chain.ok) return showRefusal(terminal, chain);
  const current = chain.value.newest;
  const content = await editTrust(context, values, current.document);
  const now = msToInstant(systemClock.now());
  const proposal = await withReadableMistakes(updateTrust(ctx, { current, change: () => content, now, signers }));
  if (!proposal.ok) return showRefusal(terminal, proposal);
  const published = await publishTrust(ctx, { target, snapshot, proposal: proposal.value, start });
  if (!published.ok) return showRefusal(terminal, published);
  showProposal(context, proposal.value, { isJson: values.flag('json') });
  return 0;
}
