import { renewHead } from '@nixfleet/release';
import type { CommandContext } from '../command-context.ts';
import type { ExitCode } from '../command-definition.ts';
import type { CommandValues } from '../command-values.ts';
import { showRefusal } from '../refusal-line.ts';
import { requireSigners } from '../release-setup/signers.ts';
import { openPublisher, openWorkshop } from '../release-setup/workshop.ts';

export async function run(context: CommandContext, values: CommandValues): Promise<ExitCode> {
  const { terminal } = context;
  const workshop = await openWorkshop(context, values);
  const publisher = await openPublisher(context, values, workshop);
  requireSigners(publisher.headSigners, '--head-key');
  const outcome = await renewHead(workshop.ctx, publisher);
  if (!outcome.ok) return showRefusal(terminal, outcome);
  const { document } = outcome.value.head;
  if (values.flag('json')) terminal.result(JSON.stringify(document, null, 2));
  else {
    const { version, expiresAt, release, holds } = document;
    const held = holds.length === 0 ? '' : `, with ${holds.length} holds`;
    terminal.result(`head ${version} names release ${release.version}${held}, valid until ${expiresAt}`);
  }
  return 0;
}
