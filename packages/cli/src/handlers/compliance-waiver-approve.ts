import { homedir } from 'node:os';
import { WaiverId } from '@nixfleet/contracts';
import { waiverProblems } from '@nixfleet/evidence';
import { systemCommands } from '@nixfleet/release';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import type { ExitCode } from '../command-definition.ts';
import type { CommandValues } from '../command-values.ts';
import { writeApprovals } from '../compliance/approved-files.ts';
import { parseWaiver, readWaiverFiles } from '../compliance/waiver-files.ts';
import { absolutePath } from '../config/absolute-path.ts';
import { parseTyped } from '../parse-typed.ts';
import { printable } from '../printable.ts';
import { parseApprovers } from '../release-setup/approvers.ts';

export async function run(context: CommandContext, values: CommandValues): Promise<ExitCode> {
  const { terminal, clock, workingDirectory, environment } = context;
  const base = { base: workingDirectory, home: environment.HOME ?? homedir() };
  const repository = absolutePath(values.text('repository') ?? '.', base);
  const id = parseTyped(WaiverId, values.argument('id'), 'id');
  const file = (await readWaiverFiles(repository)).find((one) => one.id === id);
  if (!file)
    throw new CliError('failed', `${id}: no such waiver in ${repository}`, 'see nixfleet compliance waiver list');
  const document = parseWaiver(file);
  if (document.id !== id) throw new CliError('failed', `${file.path}: is waiver ${document.id}`, 'correct the file');
  const problems = waiverProblems(document, 'standard');
  if (problems.length > 0) throw new CliError('failed', `${file.path}: ${problems.join('; ')}`, 'correct the file');
  const approvers = await parseApprovers(context, values, systemCommands({ clock }));
  if (approvers.length === 0) throw new CliError('usage', '--approver-key is missing', 'see --help');
  // Before the key is asked: whoever touches a token should have read what it is for.
  terminal.talk(
    `${id}: ${document.ruleId} on ${JSON.stringify(document.scope)} until ${document.expiresAt}: ${printable(document.justification)}`,
  );
  const written = await writeApprovals(file, approvers, `waiver@${document.fleet}`);
  if (values.flag('json')) terminal.result(JSON.stringify({ id, written }, null, 2));
  else for (const path of written) terminal.result(`wrote ${path}: commit it beside the waiver`);
  return 0;
}
