import { addSeconds, ChannelName, Instant, msToInstant, Reason, Sha256Hex } from '@nixfleet/contracts';
import { type ApprovalPublished, holdChannel, signHold } from '@nixfleet/release';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import type { ExitCode } from '../command-definition.ts';
import type { CommandValues } from '../command-values.ts';
import { parseDuration } from '../parse-duration.ts';
import { parseTyped } from '../parse-typed.ts';
import { printable } from '../printable.ts';
import { showRefusal } from '../refusal-line.ts';
import { openApprovingPublisher } from '../release-setup/approving-publisher.ts';
import { tellControlPlanes } from '../release-setup/tell-control-planes.ts';

/** Life of a hold where nobody says, in seconds. */
const holdSecondsDefault = 24 * 3600;

export async function run(context: CommandContext, values: CommandValues): Promise<ExitCode> {
  const { terminal } = context;
  const wanted = parseWanted(context, values);
  const { ctx, publisher } = await openApprovingPublisher(context, values);
  const outcome =
    'sha256' in wanted ? await signHold(ctx, publisher, wanted) : await holdChannel(ctx, publisher, wanted);
  if (!outcome.ok) return showRefusal(terminal, outcome);
  const { document, ...published } = outcome.value;
  const { channel, reason, expiresAt } = document;
  if (values.flag('json')) terminal.result(JSON.stringify({ ...published, channel, reason, expiresAt }, null, 2));
  else terminal.result(holdLine(published, { channel, reason, expiresAt }));
  if (published.missing === null) await tellControlPlanes(context, values);
  return 0;
}

function holdLine(
  { sha256, missing, headVersion }: ApprovalPublished,
  { channel, reason, expiresAt }: { readonly channel: string; readonly reason: string; readonly expiresAt: Instant },
): string {
  const what = `${channel} until ${expiresAt} (${printable(reason)})`;
  if (missing !== null) {
    return `not held yet: ${what}: ${missing}; other approvers add theirs with nixfleet hold --sign ${sha256}`;
  }
  const bound =
    headVersion === null
      ? 'agents are bound by the next head: have CI run nixfleet head sign'
      : `head ${headVersion} binds every agent`;
  return `held: ${what}, as ${sha256.slice(0, 12)}; ${bound}`;
}

type Wanted =
  | { readonly sha256: Sha256Hex }
  | { readonly channel: ChannelName; readonly reason: string; readonly expiresAt: Instant };

function parseWanted({ clock }: CommandContext, values: CommandValues): Wanted {
  const typed = values.optionalArgument('channel');
  const sign = values.text('sign');
  if ((typed === undefined) === (sign === undefined)) {
    throw new CliError('usage', 'expected a channel or --sign <sha256>, and not both', 'see nixfleet hold --help');
  }
  if (sign !== undefined) return { sha256: parseTyped(Sha256Hex, sign, '--sign') };
  const reason = values.text('reason');
  if (reason === undefined) {
    throw new CliError(
      'usage',
      'a hold needs a reason',
      "say why with --reason 'incident 7': everybody it stops reads it",
    );
  }
  return {
    channel: parseTyped(ChannelName, typed ?? '', 'channel'),
    reason: parseTyped(Reason, reason, '--reason'),
    expiresAt: parseEnd(values, msToInstant(clock.now())),
  };
}

function parseEnd(values: CommandValues, now: Instant): Instant {
  const [span, until] = [values.text('for'), values.text('until')];
  if (span !== undefined && until !== undefined) throw new CliError('usage', '--for and --until', 'give one of them');
  if (until === undefined) {
    return addSeconds(now, span === undefined ? holdSecondsDefault : parseDuration(span, '--for'));
  }
  const instant = parseTyped(Instant, until, '--until');
  if (instant > now) return instant;
  throw new CliError('usage', `--until ${instant} is over`, `now is ${now}`);
}
