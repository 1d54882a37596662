import type { VerifyContext } from '@nixfleet/contracts';
import type { Approver, Publisher } from '@nixfleet/release';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import type { CommandValues } from '../command-values.ts';
import { parseApprovers } from './approvers.ts';
import { openPublisher, openWorkshop } from './workshop.ts';

/** What approvers work with (hold, resume, approve): a key of their own, and maybe a head key. */
export async function openApprovingPublisher(
  context: CommandContext,
  values: CommandValues,
): Promise<{
  readonly ctx: VerifyContext;
  readonly publisher: Publisher & { readonly approvers: readonly Approver[] };
}> {
  const workshop = await openWorkshop(context, values);
  const approvers = await parseApprovers(context, values, workshop.commands);
  if (approvers.length === 0) {
    const next = 'pass --approver-key with your key file, or the .pub of a key in ssh-agent';
    throw new CliError('usage', 'nothing to sign with', next);
  }
  return { ctx: workshop.ctx, publisher: { ...(await openPublisher(context, values, workshop)), approvers } };
}
