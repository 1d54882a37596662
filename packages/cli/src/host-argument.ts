import { HostName } from '@nixfleet/contracts';
import { CliError } from './cli-error.ts';
import type { CommandValues } from './command-values.ts';
import { parseTyped } from './parse-typed.ts';

/** The argument `host`, checked before it becomes part of a path. */
export function hostNameArgument(values: CommandValues): HostName {
  return parseTyped(HostName, values.argument('host'), 'host');
}

export function unknownHost(host: HostName): CliError {
  return new CliError(
    'failed',
    `host ${host} is not declared in the current release`,
    'see nixfleet status for its hosts',
  );
}
