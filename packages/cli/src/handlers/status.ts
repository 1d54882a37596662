import { FleetView, latest, msToInstant } from '@nixfleet/contracts';
import type { CommandContext } from '../command-context.ts';
import type { ExitCode } from '../command-definition.ts';
import type { CommandValues } from '../command-values.ts';
import { openReader } from '../control-plane-reader.ts';
import { fleetCheck } from '../fleet-check.ts';
import { statusPage } from '../render/status-page.ts';

/** Most findings in the one line of `--check`. */
const findingsShownMax = 8;

export async function run(context: CommandContext, values: CommandValues): Promise<ExitCode> {
  const reader = await openReader(context, values);
  const readFleet = () => reader.view(FleetView, '/v1/fleet');
  try {
    if (values.flag('watch')) {
      const { watchFleet } = await import('../watch-fleet.ts');
      await watchFleet(context, { readFleet, isJson: values.flag('json') });
      return 0;
    }
    const view = await readFleet();
    const { terminal } = context;
    if (values.flag('json')) terminal.result(JSON.stringify(view, null, 2));
    else for (const line of statusPage(view, terminal)) terminal.result(line);
    return values.flag('check') ? checkFleet(context, view) : 0;
  } finally {
    reader.close();
  }
}

function checkFleet({ clock, terminal }: CommandContext, view: FleetView): ExitCode {
  const found = fleetCheck(view, latest(msToInstant(clock.now()), view.now));
  if (found.length === 0) return 0;
  const more = found.length > findingsShownMax ? ` and ${found.length - findingsShownMax} more` : '';
  const what = found.slice(0, findingsShownMax).join(', ');
  terminal.talk(`nixfleet: the fleet is not converged: ${what}${more}: see nixfleet why <host>`);
  return 1;
}
