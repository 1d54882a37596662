import type { VerifyContext } from '@nixfleet/contracts';
import type { HoldPublisher } from '@nixfleet/release';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import type { CommandValues } from '../command-values.ts';
import { parseApprovers } from './approvers.ts';
import { openPublisher, openWorkshop } from './workshop.ts';

/** What `nixfleet hold` and `nixfleet resume` work with: an approver's key, and maybe a head key. */
export async function openHoldPublisher(
  context: CommandContext,
  values: CommandValues,
): Promise<{ readonly ctx: VerifyContext; readonly publisher: HoldPublisher }> {
  const workshop = await openWorkshop(context, values);
  const approvers = await parseApprovers(context, values, workshop.commands);
  if (approvers.length === 0) {
    const next = 'pass --approver-key with your key file, or the .pub of a key in ssh-agent';
    throw new CliError('usage', 'nothing to sign with', next);
  }
  return { ctx: workshop.ctx, publisher: { ...(await openPublisher(context, values, workshop)), approvers } };
}
