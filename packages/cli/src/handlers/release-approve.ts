import { Sha256Hex } from '@nixfleet/contracts';
import { signPending } from '@nixfleet/release';
import type { CommandContext } from '../command-context.ts';
import type { ExitCode } from '../command-definition.ts';
import type { CommandValues } from '../command-values.ts';
import { parseTyped } from '../parse-typed.ts';
import { showRefusal } from '../refusal-line.ts';
import { openApprovingPublisher } from '../release-setup/approving-publisher.ts';

export async function run(context: CommandContext, values: CommandValues): Promise<ExitCode> {
  const { terminal } = context;
  const sha256 = parseTyped(Sha256Hex, values.argument('sha256'), 'sha256');
  const { ctx, publisher } = await openApprovingPublisher(context, values);
  const outcome = await signPending(ctx, publisher, { sha256 });
  if (!outcome.ok) return showRefusal(terminal, outcome);
  const { value } = outcome;
  if (values.flag('json')) {
    const missing = value.kind === 'pending' ? value.missing : null;
    terminal.result(JSON.stringify({ kind: value.kind, sha256, revision: value.revision, missing }, null, 2));
  } else if (value.kind === 'pending') terminal.result(`approved; still pending: ${value.missing}`);
  else terminal.result(`approved and published, under head ${value.head.document.version}`);
  return 0;
}
