import { ChannelName, Reason, Sha256Hex } from '@nixfleet/contracts';
import { type ApprovalPublished, resumeChannel } from '@nixfleet/release';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import type { ExitCode } from '../command-definition.ts';
import type { CommandValues } from '../command-values.ts';
import { parseTyped } from '../parse-typed.ts';
import { showRefusal } from '../refusal-line.ts';
import { openApprovingPublisher } from '../release-setup/approving-publisher.ts';
import { tellControlPlanes } from '../release-setup/tell-control-planes.ts';

export async function run(context: CommandContext, values: CommandValues): Promise<ExitCode> {
  const { terminal } = context;
  const which = parseWhich(values);
  const typed = values.text('reason');
  const reason = typed === undefined ? {} : { reason: parseTyped(Reason, typed, '--reason') };
  const { ctx, publisher } = await openApprovingPublisher(context, values);
  const outcome = await resumeChannel(ctx, publisher, { which, ...reason });
  if (!outcome.ok) return showRefusal(terminal, outcome);
  if (values.flag('json')) terminal.result(JSON.stringify(outcome.value, null, 2));
  else for (const ended of outcome.value) terminal.result(resumeLine(ended));
  if (outcome.value.some(({ missing }) => missing === null)) await tellControlPlanes(context, values);
  return 0;
}

function resumeLine({ sha256, missing, headVersion }: ApprovalPublished): string {
  const hold = `hold ${sha256.slice(0, 12)}`;
  if (missing !== null) {
    return `${hold} goes on: ${missing}; other approvers add theirs with nixfleet resume --hold ${sha256}`;
  }
  return headVersion === null
    ? `${hold} ends with the next head: have CI run nixfleet head sign`
    : `${hold} has ended: head ${headVersion} says so to every agent`;
}

function parseWhich(values: CommandValues): { readonly channel: ChannelName } | { readonly hold: Sha256Hex } {
  const channel = values.optionalArgument('channel');
  const hold = values.text('hold');
  if ((channel === undefined) === (hold === undefined)) {
    throw new CliError('usage', 'expected a channel or --hold <sha256>, and not both', 'see nixfleet resume --help');
  }
  if (hold !== undefined) return { hold: parseTyped(Sha256Hex, hold, '--hold') };
  return { channel: parseTyped(ChannelName, channel ?? '', 'channel') };
}
