import { homedir } from 'node:os';
import { systemClock } from '@nixfleet/contracts/node-clock';
import { checkRollback, openGit, readBase, signAndPublish } from '@nixfleet/release';
import type { CommandContext } from '../command-context.ts';
import type { ExitCode } from '../command-definition.ts';
import type { CommandValues } from '../command-values.ts';
import { absolutePath } from '../config/absolute-path.ts';
import { showRefusal } from '../refusal-line.ts';
import { readAssembly } from '../release-setup/assembly-directory.ts';
import { requireSigners } from '../release-setup/signers.ts';
import { openPublisher, openWorkshop } from '../release-setup/workshop.ts';

export async function run(context: CommandContext, values: CommandValues): Promise<ExitCode> {
  const { terminal, workingDirectory, environment } = context;
  const from = { base: workingDirectory, home: environment.HOME ?? homedir() };
  const directory = absolutePath(values.argument('directory'), from);
  const workshop = await openWorkshop(context, values);
  const assembly = await readAssembly(workshop.ctx, directory);
  if (!assembly.ok) return showRefusal(terminal, assembly);
  const { files, sha256, document } = assembly.value;
  const publisher = await openPublisher(context, values, workshop);
  requireSigners(publisher.headSigners, '--head-key');
  const base = await readBase(workshop.ctx, publisher, systemClock);
  if (!base.ok) return showRefusal(terminal, base);
  const { snapshot, chain, previous } = base.value;
  const { commit } = document.source;
  const git = openGit({ commands: workshop.commands, directory: absolutePath(values.text('repository') ?? '.', from) });
  const allowRollback = values.flag('allow-rollback');
  const descends = await checkRollback({ git, previous, commit, allowRollback });
  if (!descends.ok) return showRefusal(terminal, descends);
  const change = { files, removed: new Set<string>() };
  const outcome = await signAndPublish(workshop.ctx, publisher, { snapshot, change, sha256, trust: chain.newest });
  if (!outcome.ok) return showRefusal(terminal, outcome);
  const { value } = outcome;
  if (values.flag('json')) {
    const missing = value.kind === 'pending' ? value.missing : null;
    terminal.result(JSON.stringify({ kind: value.kind, sha256, revision: value.revision, missing }, null, 2));
  } else if (value.kind === 'pending') terminal.result(`pending as ${sha256}: ${value.missing}`);
  else terminal.result(`published as ${value.revision}, under head ${value.head.document.version}`);
  return 0;
}
