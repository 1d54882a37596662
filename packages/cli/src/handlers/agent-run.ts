import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { jsonLog, startMachineAgent, systemClock } from '@nixfleet/agent';
import { loadAgentConfig } from '../agent/load-agent-config.ts';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import type { ExitCode } from '../command-definition.ts';
import type { CommandValues } from '../command-values.ts';
import { untilAborted } from '../until-aborted.ts';
import { nixfleetVersion } from '../version.ts';

export async function run(context: CommandContext, values: CommandValues): Promise<ExitCode> {
  const { terminal, signal } = context;
  const config = await loadAgentConfig(context, values);
  const log = jsonLog(systemClock, (line) => terminal.talk(line.trimEnd()));
  await using agent = await startMachineAgent(config, {
    detachedProgram: await findDetachedProgram(),
    agentVersion: nixfleetVersion,
    log,
  });
  await Promise.race([agent.stopped, untilAborted(signal)]);
  return 0;
}

/** The dead man's switch runs outside the agent: beside the bundle, or from source. */
async function findDetachedProgram(): Promise<string> {
  const bundled = join(import.meta.dirname, 'dead-man.js');
  if (await isThere(bundled)) return bundled;
  const source = fileURLToPath(new URL('./dead-man-main.ts', import.meta.resolve('@nixfleet/agent')));
  if (await isThere(source)) return source;
  throw new CliError(
    'failed',
    `${bundled} is not there`,
    'install nixfleet whole: the agent does not start without it',
  );
}

function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
