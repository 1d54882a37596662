import { mkdir, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { entriesOf, type HostName, type StorePath } from '@nixfleet/contracts';
import { type BuildHost, buildFleet, pushClosures, readSource } from '@nixfleet/release';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import type { ExitCode } from '../command-definition.ts';
import type { CommandValues } from '../command-values.ts';
import { absolutePath } from '../config/absolute-path.ts';
import { printable } from '../printable.ts';
import { showRefusal } from '../refusal-line.ts';
import { openBuild } from '../release-setup/build-setup.ts';
import { progressLines } from '../release-setup/progress-lines.ts';
import { interruptibleCommands } from '../release-setup/workshop.ts';
import { renderTable } from '../render/table.ts';

export async function run(context: CommandContext, values: CommandValues): Promise<ExitCode> {
  const { terminal, workingDirectory, environment } = context;
  const output = absolutePath(values.text('output') ?? '.', {
    base: workingDirectory,
    home: environment.HOME ?? homedir(),
  });
  const commands = interruptibleCommands(context);
  const progress = progressLines(terminal, { isVerbose: values.flag('verbose') });
  const { ports, sourceGit, push, ...input } = await openBuild(context, values, { commands, progress });
  if (!sourceGit) {
    throw new CliError('failed', 'the source is in no git repository', 'a release names the commit it was built from');
  }
  const source = await readSource(sourceGit);
  if (!source.ok) return showRefusal(terminal, source);
  const built = await buildFleet(ports, { ...input, sourceGit, source: source.value });
  if (!built.ok) return showRefusal(terminal, built);
  const { results, warnings } = built.value;
  for (const warning of warnings) terminal.talk(`warning: ${printable(warning)}`);
  const hosts = results.flatMap((result) => entriesOf(result.hosts));
  if (push) {
    const closures = new Map<HostName, StorePath>();
    for (const [host, entry] of hosts) if (entry.ok) closures.set(host, entry.closure);
    const pushed = await pushClosures({ ...ports, target: push, closures });
    if (!pushed.ok) return showRefusal(terminal, pushed);
  }
  await mkdir(output, { recursive: true });
  const files: string[] = [];
  for (const result of results) {
    const file = join(output, `build-${result.system}.json`);
    await writeFile(file, `${JSON.stringify(result, null, 2)}\n`);
    files.push(file);
  }
  if (values.flag('json'))
    terminal.result(JSON.stringify({ source: source.value, files, hosts: Object.fromEntries(hosts) }, null, 2));
  else {
    for (const line of hostLines(hosts, context)) terminal.result(line);
    for (const file of files) terminal.result(`wrote ${file}`);
  }
  return hosts.every(([, { ok }]) => ok) ? 0 : 1;
}

function hostLines(hosts: readonly (readonly [HostName, BuildHost])[], { terminal }: CommandContext): string[] {
  const rows = hosts.map(([host, entry]) =>
    entry.ok
      ? [host, { text: 'built', colour: 'green' as const }, entry.closure]
      : [host, { text: `${entry.step} failed`, colour: 'red' as const }, printable(entry.message)],
  );
  return renderTable({ headings: ['HOST', 'RESULT', 'CLOSURE'], rows }, terminal);
}
