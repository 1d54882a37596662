import { homedir } from 'node:os';
import { systemClock } from '@nixfleet/contracts/node-clock';
import { nodeCrypto } from '@nixfleet/contracts/node-crypto';
import { systemRandom } from '@nixfleet/contracts/node-random';
import {
  type ControlPlaneConfig,
  ControlPlaneError,
  parseControlPlaneConfig,
  processLog,
  startControlPlane,
} from '@nixfleet/control-plane';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import type { ExitCode } from '../command-definition.ts';
import type { CommandValues } from '../command-values.ts';
import { absolutePath } from '../config/absolute-path.ts';
import { controlPlaneConfigDefault } from '../control-plane-config-path.ts';
import { readSettingsJson } from '../read-json-file.ts';
import { untilAborted } from '../until-aborted.ts';

export async function run(context: CommandContext, values: CommandValues): Promise<ExitCode> {
  const { workingDirectory, environment, signal } = context;
  const from = { base: workingDirectory, home: environment.HOME ?? homedir() };
  const path = absolutePath(values.text('config') ?? controlPlaneConfigDefault, from);
  const config = await configOf(path, values.text('database'));
  const deps = { clock: systemClock, random: systemRandom, crypto: nodeCrypto, log: processLog() };
  await using running = await startControlPlane(config, deps);
  const { host, port } = running.address;
  context.terminal.result(JSON.stringify({ listening: { host, port }, spkiSha256: running.spkiSha256 }));
  await untilAborted(signal);
  return 0;
}

/** An option's URL takes the place of the file's; how to log in there is in the file either way. */
async function configOf(path: string, url: string | undefined): Promise<ControlPlaneConfig> {
  const json = await readSettingsJson(path);
  try {
    const config = parseControlPlaneConfig(json);
    return url === undefined ? config : parseControlPlaneConfig({ ...config, database: { ...config.database, url } });
  } catch (error) {
    if (!(error instanceof ControlPlaneError) || error.code !== 'bad-config') throw error;
    throw new CliError('usage', `${path}: ${error.message}`, 'correct the file, or what stands in its place');
  }
}
