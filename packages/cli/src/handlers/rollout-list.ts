import { msToInstant, RolloutsView } from '@nixfleet/contracts';
import type { CommandContext } from '../command-context.ts';
import type { ExitCode } from '../command-definition.ts';
import type { CommandValues } from '../command-values.ts';
import { openReader } from '../control-plane-reader.ts';
import { rolloutTable } from '../render/status-page.ts';

export async function run(context: CommandContext, values: CommandValues): Promise<ExitCode> {
  const reader = await openReader(context, values);
  const { terminal, clock } = context;
  try {
    const view = await reader.view(RolloutsView, '/v1/rollouts');
    if (values.flag('json')) terminal.result(JSON.stringify(view, null, 2));
    else for (const line of rolloutTable(view.rollouts, msToInstant(clock.now()), terminal)) terminal.result(line);
    return 0;
  } finally {
    reader.close();
  }
}
