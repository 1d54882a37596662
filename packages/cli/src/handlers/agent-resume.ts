import { clearLocalHold, fileSystem, readLocalHold } from '@nixfleet/agent';
import { msToInstant } from '@nixfleet/contracts';
import { loadAgentConfig } from '../agent/load-agent-config.ts';
import type { CommandContext } from '../command-context.ts';
import type { ExitCode } from '../command-definition.ts';
import type { CommandValues } from '../command-values.ts';
import { printable } from '../printable.ts';

export async function run(context: CommandContext, values: CommandValues): Promise<ExitCode> {
  const { stateDirectory } = await loadAgentConfig(context, values);
  const hold = await readLocalHold(fileSystem, stateDirectory, msToInstant(context.clock.now()));
  await clearLocalHold(fileSystem, stateDirectory);
  context.terminal.result(
    hold ? `resumed: the hold until ${hold.until} is lifted (${printable(hold.reason)})` : 'there was no hold',
  );
  return 0;
}
