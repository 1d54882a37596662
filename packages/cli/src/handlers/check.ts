import { homedir } from 'node:os';
import { msToInstant } from '@nixfleet/contracts';
import { systemClock } from '@nixfleet/contracts/node-clock';
import type { CommandContext } from '../command-context.ts';
import type { ExitCode } from '../command-definition.ts';
import type { CommandValues } from '../command-values.ts';
import { absolutePath } from '../config/absolute-path.ts';
import { checkRepository } from '../fleet-repository/check-repository.ts';
import type { Finding } from '../fleet-repository/finding.ts';
import { requireFleetFile } from '../fleet-repository/fleet-file.ts';
import { printable } from '../printable.ts';
import { interruptibleCommands } from '../release-setup/workshop.ts';
import { plural } from '../render/plural.ts';

export async function run(context: CommandContext, values: CommandValues): Promise<ExitCode> {
  const { terminal, workingDirectory, environment } = context;
  const from = { base: workingDirectory, home: environment.HOME ?? homedir() };
  const directory = absolutePath(values.optionalArgument('directory') ?? '.', from);
  const fleetFile = requireFleetFile(directory);
  const { findings, fleet } = await checkRepository(interruptibleCommands(context), {
    directory,
    fleetFile,
    now: msToInstant(systemClock.now()),
  });
  const hosts = fleet === null ? null : Object.keys(fleet.hosts);
  if (values.flag('json')) terminal.result(JSON.stringify({ hosts, findings }, null, 2));
  else {
    for (const finding of findings) terminal.result(lineOf(finding));
    const errors = findings.filter(({ severity }) => severity === 'error').length;
    const found = errors === 0 ? 'nothing wrong' : plural(errors, 'error');
    if (hosts) terminal.result(`${plural(hosts.length, 'host')}: ${found}`);
  }
  return findings.some(({ severity }) => severity === 'error') ? 1 : 0;
}

function lineOf({ severity, where, what, next }: Finding): string {
  const lines = what.split('\n').map((line) => `${/^ */.exec(line)?.[0] ?? ''}${printable(line)}`);
  return `${severity}: ${printable(where)}: ${lines.join('\n')}\n  ${next}`;
}
