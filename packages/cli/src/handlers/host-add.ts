import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, relative } from 'node:path';
import { ChannelName, type FleetDocument, type HostName, SystemName, TagName } from '@nixfleet/contracts';
import type { Commands } from '@nixfleet/release';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import type { ExitCode } from '../command-definition.ts';
import type { CommandValues } from '../command-values.ts';
import { absolutePath } from '../config/absolute-path.ts';
import { evaluateRepository } from '../fleet-repository/evaluate-repository.ts';
import { requireFleetFile } from '../fleet-repository/fleet-file.ts';
import { hostFiles } from '../fleet-repository/host-files.ts';
import { newHostKeyPair } from '../fleet-repository/host-key-pair.ts';
import { removeNewFiles, requireAbsent, writeNewFiles } from '../fleet-repository/new-files.ts';
import { publicLine } from '../fleet-repository/public-line.ts';
import { openQuestions } from '../fleet-repository/questions.ts';
import { scannedHostKey } from '../fleet-repository/scanned-host-key.ts';
import { hostNameArgument } from '../host-argument.ts';
import { parseTyped } from '../parse-typed.ts';
import { interruptibleCommands } from '../release-setup/workshop.ts';

export async function run(context: CommandContext, values: CommandValues): Promise<ExitCode> {
  const { terminal, workingDirectory, environment } = context;
  const from = { base: workingDirectory, home: environment.HOME ?? homedir() };
  const directory = absolutePath(values.text('repository') ?? '.', from);
  const fleetFile = requireFleetFile(directory);
  const commands = interruptibleCommands(context);
  const name = hostNameArgument(values);
  const system = parseTyped(SystemName, values.text('system') ?? 'x86_64-linux', '--system');
  const tags = values.list('tag').map((text) => parseTyped(TagName, text, '--tag'));
  requireAbsent(directory, [`hosts/${name}`]);

  const before = await evaluateRepository(commands, fleetFile);
  if (!before.ok) throw new CliError('failed', before.problem, 'correct the fleet first: nixfleet check');
  if (Object.hasOwn(before.fleet.hosts, name)) {
    throw new CliError('failed', `${name}: is declared already`, 'choose another name, or edit its declaration');
  }
  const channel = channelOf(values.text('channel'), before.fleet);
  const { pubkey, extraFiles } = await identityOf(context, values, { commands, directory, from, name });
  const files = new Map(await hostFiles({ name, system, channel, tags, pubkeys: [pubkey] }));
  if (!(await hasConfigurations(directory))) files.delete(`hosts/${name}/configuration.nix`);
  await writeNewFiles(directory, files);

  const after = await evaluateRepository(commands, fleetFile);
  if (!after.ok || !Object.hasOwn(after.fleet.hosts, name)) {
    await removeNewFiles(directory, files);
    if (!after.ok) throw new CliError('failed', after.problem, 'nothing was added');
    terminal.talk(files.get(`hosts/${name}/default.nix`) ?? '');
    throw new CliError(
      'failed',
      `${fleetFile}: does not read hosts/`,
      `nothing was added; put this under hosts.${name} yourself`,
    );
  }
  for (const path of files.keys()) terminal.result(`wrote ${path}`);
  for (const warning of after.warnings.filter((line) => !before.warnings.includes(line)))
    terminal.talk(`warning: ${warning}`);
  terminal.result(`now: git add hosts/${name} && git commit -m 'Add host ${name}'`);
  if (extraFiles !== null) {
    const tree = relative(workingDirectory, extraFiles);
    terminal.result(`then: nixos-anywhere --flake .#${name} --extra-files ${tree} root@<address>`);
  }
  return 0;
}

/** Not in a repository whose hosts were there before the fleet: what they run is elsewhere. A first host has one. */
async function hasConfigurations(directory: string): Promise<boolean> {
  const hosts = await readdir(join(directory, 'hosts')).catch(() => []);
  return hosts.length === 0 || hosts.some((host) => existsSync(join(directory, 'hosts', host, 'configuration.nix')));
}

function channelOf(typed: string | undefined, { channels }: FleetDocument): ChannelName {
  if (typed !== undefined) return parseTyped(ChannelName, typed, '--channel');
  const names = Object.keys(channels);
  const [only] = names;
  if (names.length === 1 && only !== undefined) return ChannelName.parse(only);
  throw new CliError('usage', '--channel: not given', `there are ${names.length}: ${names.join(', ')}`);
}

async function identityOf(
  { signal }: CommandContext,
  values: CommandValues,
  {
    commands,
    directory,
    from,
    name,
  }: {
    readonly commands: Commands;
    readonly directory: string;
    readonly from: { readonly base: string; readonly home: string };
    readonly name: HostName;
  },
): Promise<{ readonly pubkey: string; readonly extraFiles: string | null }> {
  const pubkey = values.text('pubkey');
  const place = values.text('ssh');
  const isGenerated = values.flag('generate');
  if ([pubkey !== undefined, place !== undefined, isGenerated].filter((given) => given).length !== 1) {
    throw new CliError('usage', `${name} has no identity yet`, 'give one of --pubkey, --ssh and --generate');
  }
  if (pubkey !== undefined) return { pubkey: await publicLine(pubkey, { option: '--pubkey', from }), extraFiles: null };
  if (place === undefined) return newHostKeyPair(commands, join(directory, 'keys'), name);
  using questions = openQuestions(signal);
  const scanned = await scannedHostKey(commands, { place, expected: values.text('fingerprint'), questions });
  return { pubkey: scanned, extraFiles: null };
}
