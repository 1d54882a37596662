import { homedir } from 'node:os';
import { nodeCrypto } from '@nixfleet/contracts/node-crypto';
import { showKey } from '@nixfleet/release';
import type { CommandContext } from '../command-context.ts';
import type { ExitCode } from '../command-definition.ts';
import type { CommandValues } from '../command-values.ts';
import { absolutePath } from '../config/absolute-path.ts';
import { showDescription } from '../release-setup/show-description.ts';

export async function run(context: CommandContext, values: CommandValues): Promise<ExitCode> {
  const { workingDirectory, environment } = context;
  const path = absolutePath(values.argument('file'), { base: workingDirectory, home: environment.HOME ?? homedir() });
  showDescription(context, await showKey(path, { crypto: nodeCrypto }), { isJson: values.flag('json') });
  return 0;
}
