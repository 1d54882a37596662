import { appendFile, mkdir, readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import { ChannelName, FleetName, HostName, msToInstant, TagName } from '@nixfleet/contracts';
import { systemClock } from '@nixfleet/contracts/node-clock';
import { systemRandom } from '@nixfleet/contracts/node-random';
import type { Commands } from '@nixfleet/release';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import type { ExitCode } from '../command-definition.ts';
import type { CommandValues } from '../command-values.ts';
import { absolutePath } from '../config/absolute-path.ts';
import { type AdoptedHost, adoptedFiles } from '../fleet-repository/adopted-files.ts';
import { checkRepository } from '../fleet-repository/check-repository.ts';
import { type Deployment, deploymentKinds, readDeployment } from '../fleet-repository/deployment.ts';
import { freshTrust } from '../fleet-repository/fresh-trust.ts';
import { HostSystems } from '../fleet-repository/host-systems.ts';
import { knownHostKey } from '../fleet-repository/known-host-key.ts';
import { requireAbsent, writeNewFiles } from '../fleet-repository/new-files.ts';
import { RepositoryAnswers } from '../fleet-repository/repository-answers.ts';
import { parseTyped } from '../parse-typed.ts';
import { printable } from '../printable.ts';
import { showRefusal } from '../refusal-line.ts';
import { interruptibleCommands } from '../release-setup/workshop.ts';
import { plural } from '../render/plural.ts';

export async function run(context: CommandContext, values: CommandValues): Promise<ExitCode> {
  const { terminal, workingDirectory, environment } = context;
  const from = { base: workingDirectory, home: environment.HOME ?? homedir() };
  const directory = absolutePath(values.optionalArgument('directory') ?? '.', from);
  const commands = interruptibleCommands(context);
  const fleet = parseTyped(FleetName, values.text('fleet') ?? basename(directory).toLowerCase(), '--fleet');
  const systems = new HostSystems(values.list('system'));
  const controlPlane = required(values, 'control-plane', RepositoryAnswers.shape.controlPlane);
  const cache = required(values, 'cache', RepositoryAnswers.shape.cache);
  requireAbsent(directory, ['fleet.nix', 'hosts', 'trust', 'keys']);

  const deployment = await readDeployment(commands, { directory, kind: kindOf(values.text('from')) });
  const knownHosts = absolutePath(values.text('known-hosts') ?? '~/.ssh/known_hosts', from);
  systems.requireKnown(deployment.nodes.keys());
  const { hosts, left } = await identified(commands, deployment, { knownHosts, systems });
  const channel = ChannelName.parse('adopted');
  const files = await adoptedFiles({ fleet, channel, controlPlane, cache, hosts }, deployment);

  const keys = join(directory, 'keys');
  await ignoreKeys(directory);
  const now = msToInstant(systemClock.now());
  const trust = await freshTrust(keys, { fleet, now, random: systemRandom });
  if (!trust.ok) return showRefusal(terminal, trust);
  await writeNewFiles(directory, files);
  await writeNewFiles(directory, new Map([['trust/trust-1.json', trust.value.signed.bytes]]));
  await mkdir(join(directory, 'hosts'), { recursive: true });

  const { findings } = await checkRepository(commands, { directory, fleetFile: join(directory, 'fleet.nix'), now });
  const [problem] = findings.filter(({ severity }) => severity === 'error');
  if (problem)
    throw new CliError('failed', `${directory}: written, but ${printable(problem.what)}`, 'run nixfleet check');
  terminal.result(
    `adopted ${plural(hosts.length, 'host')} of ${deployment.origin}: fleet.nix says how the flake uses it`,
  );
  for (const line of left) terminal.result(line);
  terminal.talk(`private keys are in ${keys}, which .gitignore names: move them to where they belong`);
  return 0;
}

function required(
  values: CommandValues,
  name: string,
  schema: typeof RepositoryAnswers.shape.cache | typeof RepositoryAnswers.shape.controlPlane,
): string {
  const text = values.text(name);
  if (text === undefined)
    throw new CliError('usage', `--${name}: not given`, 'hosts have to know it from the start; see --help');
  return parseTyped(schema, text, `--${name}`);
}

function kindOf(text: string | undefined): Deployment['kind'] | null {
  if (text === undefined) return null;
  const kind = deploymentKinds.find((known) => known === text);
  if (kind) return kind;
  throw new CliError('usage', `--from '${printable(text)}'`, `expected ${deploymentKinds.join(', ')}`);
}

/** The hosts whose name and key are of use, and a line about each of the others. */
async function identified(
  commands: Commands,
  { nodes }: Deployment,
  { knownHosts, systems }: { readonly knownHosts: string; readonly systems: HostSystems },
): Promise<{ readonly hosts: readonly AdoptedHost[]; readonly left: readonly string[] }> {
  const hosts: AdoptedHost[] = [];
  const left: string[] = [];
  for (const [node, { address, tags }] of nodes) {
    const name = HostName.safeParse(node);
    if (!name.success) {
      left.push(`left out: ${printable(node)} is no host name here: ${name.error.issues[0]?.message}`);
      continue;
    }
    const pubkey = await knownHostKey(commands, knownHosts, address ?? node);
    if (pubkey === null) {
      left.push(`no key of ${node} in ${knownHosts}: nixfleet host add ${node} --ssh ${printable(address ?? node)}`);
      continue;
    }
    const named = tags.map((tag) => TagName.safeParse(tag)).flatMap(({ data }) => (data === undefined ? [] : [data]));
    if (named.length < tags.length) left.push(`${node}: tags that are no names here are left out`);
    hosts.push({ name: name.data, system: systems.of(name.data), tags: named, pubkey });
  }
  return { hosts, left };
}

/** Before there are any keys to be committed. */
async function ignoreKeys(directory: string): Promise<void> {
  const path = join(directory, '.gitignore');
  const text = await readFile(path, 'utf8').catch(() => '');
  if (text.split('\n').includes('/keys/')) return;
  await appendFile(path, `${text === '' || text.endsWith('\n') ? '' : '\n'}# Private keys of the fleet.\n/keys/\n`);
}
