import { addSeconds } from '@nixfleet/contracts';
import { waiverWarningDays } from '@nixfleet/evidence';
import type { CommandContext } from '../command-context.ts';
import type { ExitCode } from '../command-definition.ts';
import type { CommandValues } from '../command-values.ts';
import { knownWaivers } from '../compliance/known-waivers.ts';
import { showWaivers } from '../compliance/show-waivers.ts';
import { parseDuration } from '../parse-duration.ts';

export async function run(context: CommandContext, values: CommandValues): Promise<ExitCode> {
  const within = values.text('within');
  const seconds = within === undefined ? waiverWarningDays[0] * 86_400 : parseDuration(within, '--within');
  const { waivers, now } = await knownWaivers(context, values);
  const ending = waivers.filter(({ document }) => document.expiresAt <= addSeconds(now, seconds));
  showWaivers(context.terminal, ending, { isJson: values.flag('json'), none: 'no waiver ends so soon' });
  return 0;
}
