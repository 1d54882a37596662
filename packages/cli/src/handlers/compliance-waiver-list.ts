import type { CommandContext } from '../command-context.ts';
import type { ExitCode } from '../command-definition.ts';
import type { CommandValues } from '../command-values.ts';
import { knownWaivers } from '../compliance/known-waivers.ts';
import { showWaivers } from '../compliance/show-waivers.ts';

export async function run(context: CommandContext, values: CommandValues): Promise<ExitCode> {
  const { waivers } = await knownWaivers(context, values);
  showWaivers(context.terminal, waivers, { isJson: values.flag('json'), none: 'no waivers' });
  return 0;
}
