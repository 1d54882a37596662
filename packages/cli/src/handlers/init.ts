import { mkdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { ChannelName, msToInstant, OperatorName, TagName } from '@nixfleet/contracts';
import { systemClock } from '@nixfleet/contracts/node-clock';
import { systemRandom } from '@nixfleet/contracts/node-random';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import type { ExitCode } from '../command-definition.ts';
import type { CommandValues } from '../command-values.ts';
import { absolutePath } from '../config/absolute-path.ts';
import { askRepository } from '../fleet-repository/ask-repository.ts';
import { checkRepository } from '../fleet-repository/check-repository.ts';
import { freshTrust } from '../fleet-repository/fresh-trust.ts';
import { hostFiles } from '../fleet-repository/host-files.ts';
import { newHostKeyPair } from '../fleet-repository/host-key-pair.ts';
import { requireAbsent, writeNewFiles } from '../fleet-repository/new-files.ts';
import { publicLine } from '../fleet-repository/public-line.ts';
import { openQuestions } from '../fleet-repository/questions.ts';
import type { RepositoryAnswers } from '../fleet-repository/repository-answers.ts';
import { repositoryFiles } from '../fleet-repository/repository-files.ts';
import { parseTyped } from '../parse-typed.ts';
import { printable } from '../printable.ts';
import { showRefusal } from '../refusal-line.ts';
import { interruptibleCommands } from '../release-setup/workshop.ts';

export async function run(context: CommandContext, values: CommandValues): Promise<ExitCode> {
  const { terminal, workingDirectory, environment, signal } = context;
  const from = { base: workingDirectory, home: environment.HOME ?? homedir() };
  const directory = absolutePath(values.optionalArgument('directory') ?? '.', from);
  const commands = interruptibleCommands(context);
  const operator = await operatorOf(values.text('operator'), from);
  const typedKey = values.text('pubkey');
  const givenKey = typedKey === undefined ? null : await publicLine(typedKey, { option: '--pubkey', from });

  using questions = openQuestions(signal);
  const answers = await askRepository((option) => values.text(option), {
    directory,
    operator,
    questions,
    tell: (line) => terminal.talk(line),
  });
  const files = await repositoryFiles(answers);
  requireAbsent(directory, [...files.keys(), 'hosts', 'trust', 'keys']);

  await mkdir(directory, { recursive: true });
  const keys = join(directory, 'keys');
  const now = msToInstant(systemClock.now());
  const trust = await freshTrust(keys, { fleet: answers.fleet, now, random: systemRandom });
  if (!trust.ok) return showRefusal(terminal, trust);
  const pubkey = givenKey ?? (await newHostKeyPair(commands, keys, answers.host)).pubkey;
  await writeNewFiles(directory, files);
  await writeNewFiles(directory, new Map([['trust/trust-1.json', trust.value.signed.bytes]]));
  await writeNewFiles(directory, await firstHost(answers, pubkey));

  const fleetFile = join(directory, 'fleet.nix');
  const { findings } = await checkRepository(commands, { directory, fleetFile, now });
  const [problem] = findings.filter(({ severity }) => severity === 'error');
  if (problem)
    throw new CliError('failed', `${directory}: written, but ${printable(problem.what)}`, 'run nixfleet check');
  terminal.result(`wrote the fleet ${answers.fleet} to ${directory}: README.md says what comes next`);
  terminal.result(`trust 1 is ${trust.value.sha256}: tell it by other means to whoever starts from it`);
  terminal.talk(`private keys are in ${keys}: move them where README.md says, and never into git`);
  return 0;
}

/** In the canary wave, so that the wave is not empty. */
function firstHost({ host, system }: RepositoryAnswers, pubkey: string): Promise<ReadonlyMap<string, string>> {
  const [channel, tag] = [ChannelName.parse('stable'), TagName.parse('canary')];
  return hostFiles({ name: host, system, channel, tags: [tag], pubkeys: [pubkey] });
}

async function operatorOf(
  text: string | undefined,
  from: { readonly base: string; readonly home: string },
): Promise<RepositoryAnswers['operator']> {
  if (text === undefined) return null;
  const at = text.indexOf('=');
  if (at < 1)
    throw new CliError('usage', `--operator '${printable(text)}'`, 'expected <name>=<public key or its file>');
  const name = parseTyped(OperatorName, text.slice(0, at), '--operator');
  const pubkey = await publicLine(text.slice(at + 1), { option: '--operator', from });
  return { name, pubkey };
}
