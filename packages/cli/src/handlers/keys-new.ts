import { homedir } from 'node:os';
import { nodeCrypto } from '@nixfleet/contracts/node-crypto';
import { systemRandom } from '@nixfleet/contracts/node-random';
import { newKey } from '@nixfleet/release';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import type { ExitCode } from '../command-definition.ts';
import type { CommandValues } from '../command-values.ts';
import { absolutePath } from '../config/absolute-path.ts';
import { printable } from '../printable.ts';
import { showDescription } from '../release-setup/show-description.ts';

export async function run(context: CommandContext, values: CommandValues): Promise<ExitCode> {
  const { workingDirectory, environment } = context;
  const algorithm = values.text('algorithm') ?? 'ed25519';
  if (algorithm !== 'ed25519' && algorithm !== 'ecdsa-p256') {
    throw new CliError('usage', `--algorithm '${printable(algorithm)}'`, 'expected ed25519 or ecdsa-p256');
  }
  const path = absolutePath(values.argument('file'), { base: workingDirectory, home: environment.HOME ?? homedir() });
  const key = await newKey({ algorithm, path, crypto: nodeCrypto, random: systemRandom });
  showDescription(context, key, { isJson: values.flag('json') });
  return 0;
}
