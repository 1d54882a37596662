import { msToInstant, RolloutView } from '@nixfleet/contracts';
import type { CommandContext } from '../command-context.ts';
import type { ExitCode } from '../command-definition.ts';
import type { CommandValues } from '../command-values.ts';
import { openReader } from '../control-plane-reader.ts';
import { rolloutPage } from '../render/rollout-page.ts';
import { findRollout } from '../rollout-argument.ts';

export async function run(context: CommandContext, values: CommandValues): Promise<ExitCode> {
  const reader = await openReader(context, values);
  const { terminal, clock } = context;
  try {
    const { rolloutId } = await findRollout(reader, values);
    const view = await reader.view(RolloutView, `/v1/rollouts/${rolloutId}`);
    if (values.flag('json')) terminal.result(JSON.stringify(view, null, 2));
    else for (const line of rolloutPage(view, msToInstant(clock.now()), terminal)) terminal.result(line);
    return 0;
  } finally {
    reader.close();
  }
}
