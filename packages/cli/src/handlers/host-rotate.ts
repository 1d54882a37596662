import { homedir } from 'node:os';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import type { ExitCode } from '../command-definition.ts';
import type { CommandValues } from '../command-values.ts';
import { absolutePath } from '../config/absolute-path.ts';
import { evaluateRepository } from '../fleet-repository/evaluate-repository.ts';
import { requireFleetFile } from '../fleet-repository/fleet-file.ts';
import { rotationSteps, secretsManagers } from '../fleet-repository/rotation-steps.ts';
import { hostNameArgument } from '../host-argument.ts';
import { printable } from '../printable.ts';
import { interruptibleCommands } from '../release-setup/workshop.ts';

export async function run(context: CommandContext, values: CommandValues): Promise<ExitCode> {
  const { terminal, workingDirectory, environment } = context;
  const from = { base: workingDirectory, home: environment.HOME ?? homedir() };
  const name = hostNameArgument(values);
  const typed = values.text('secrets') ?? 'none';
  const secrets = secretsManagers.find((manager) => manager === typed);
  if (!secrets)
    throw new CliError('usage', `--secrets '${printable(typed)}'`, `expected ${secretsManagers.join(', ')}`);
  const fleetFile = requireFleetFile(absolutePath(values.text('repository') ?? '.', from));
  const evaluated = await evaluateRepository(interruptibleCommands(context), fleetFile);
  if (!evaluated.ok) throw new CliError('failed', evaluated.problem, 'correct the fleet first: nixfleet check');
  const host = new Map(Object.entries(evaluated.fleet.hosts)).get(name);
  if (!host)
    throw new CliError(
      'failed',
      `${name}: is no host of ${evaluated.fleet.fleet}`,
      'look at nixfleet check --json for those there are',
    );
  terminal.result(`${name} is known by ${host.pubkeys.join(' and ')}`);
  for (const [index, { what, how, because }] of rotationSteps(name, secrets).entries()) {
    terminal.result(`\n${index + 1}. ${what}: ${because}`);
    for (const line of how) terminal.result(`     ${line}`);
  }
  return 0;
}
