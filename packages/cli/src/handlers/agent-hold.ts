import { fileSystem, setLocalHold } from '@nixfleet/agent';
import { addSeconds, msToInstant } from '@nixfleet/contracts';
import { loadAgentConfig } from '../agent/load-agent-config.ts';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import type { ExitCode } from '../command-definition.ts';
import type { CommandValues } from '../command-values.ts';
import { parseDuration } from '../parse-duration.ts';

/** Longest reason, in characters. */
const reasonMax = 1000;

export async function run(context: CommandContext, values: CommandValues): Promise<ExitCode> {
  const seconds = parseDuration(values.argument('duration'), 'duration');
  const reason = values.text('reason')?.trim() ?? '';
  if (reason === '' || reason.length > reasonMax) {
    throw new CliError(
      'usage',
      'a hold needs a reason',
      `pass --reason with at most ${reasonMax} characters: it is journalled`,
    );
  }
  const { stateDirectory } = await loadAgentConfig(context, values);
  const until = addSeconds(msToInstant(context.clock.now()), seconds);
  await setLocalHold(fileSystem, stateDirectory, { until, reason });
  context.terminal.result(`held until ${until}: no new switch starts; one under way ends as it must`);
  return 0;
}
