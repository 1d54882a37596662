import { HostView, msToInstant } from '@nixfleet/contracts';
import type { CommandContext } from '../command-context.ts';
import type { ExitCode } from '../command-definition.ts';
import type { CommandValues } from '../command-values.ts';
import { openReader } from '../control-plane-reader.ts';
import { hostNameArgument, unknownHost } from '../host-argument.ts';
import { hostPage } from '../render/host-page.ts';

export async function run(context: CommandContext, values: CommandValues): Promise<ExitCode> {
  const host = hostNameArgument(values);
  const reader = await openReader(context, values);
  const { terminal, clock } = context;
  try {
    const view = await reader.view(HostView, `/v1/hosts/${host}`, unknownHost(host));
    if (values.flag('json')) terminal.result(JSON.stringify(view, null, 2));
    else for (const line of hostPage(view, msToInstant(clock.now()), terminal)) terminal.result(line);
    return 0;
  } finally {
    reader.close();
  }
}
