import { homedir } from 'node:os';
import { msToInstant, Sha256Hex } from '@nixfleet/contracts';
import { systemClock } from '@nixfleet/contracts/node-clock';
import { readTrust, signPending, signRelease } from '@nixfleet/release';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import type { ExitCode } from '../command-definition.ts';
import type { CommandValues } from '../command-values.ts';
import { absolutePath } from '../config/absolute-path.ts';
import { parseTyped } from '../parse-typed.ts';
import { showRefusal } from '../refusal-line.ts';
import { readAssembly, writeAssembly } from '../release-setup/assembly-directory.ts';
import { requireSigners } from '../release-setup/signers.ts';
import { openPublisher, openWorkshop } from '../release-setup/workshop.ts';

export async function run(context: CommandContext, values: CommandValues): Promise<ExitCode> {
  const directory = values.optionalArgument('directory');
  const pending = values.text('pending');
  if ((directory === undefined) === (pending === undefined)) {
    throw new CliError(
      'usage',
      'expected a directory or --pending <sha256>, and not both',
      'see nixfleet release sign --help',
    );
  }
  return directory === undefined
    ? signWaiting(context, values, parseTyped(Sha256Hex, pending ?? '', '--pending'))
    : signDirectory(context, values, directory);
}

async function signDirectory(context: CommandContext, values: CommandValues, typed: string): Promise<ExitCode> {
  const { terminal, workingDirectory, environment } = context;
  const directory = absolutePath(typed, { base: workingDirectory, home: environment.HOME ?? homedir() });
  const workshop = await openWorkshop(context, values);
  const assembly = await readAssembly(workshop.ctx, directory);
  if (!assembly.ok) return showRefusal(terminal, assembly);
  const { files, sha256 } = assembly.value;
  const { releaseSigners } = await openPublisher(context, values, workshop);
  requireSigners(releaseSigners, '--release-key');
  const { tree } = await workshop.target.snapshot();
  const chain = await readTrust(workshop.ctx, { tree, start: workshop.start });
  if (!chain.ok) return showRefusal(terminal, chain);
  const trust = chain.value.newest;
  const change = { files, removed: new Set<string>() };
  const now = msToInstant(systemClock.now());
  const signed = await signRelease(workshop.ctx, {
    change,
    sha256,
    trust,
    signers: releaseSigners,
    now,
    published: tree,
  });
  if (!signed.ok) return showRefusal(terminal, signed);
  await writeAssembly(directory, signed.value.change);
  const { missing, document } = signed.value;
  if (values.flag('json')) terminal.result(JSON.stringify({ version: document.version, sha256, missing }, null, 2));
  else if (missing === null)
    terminal.result(`signed release ${document.version}: next nixfleet release publish ${typed}`);
  else terminal.result(`signed release ${document.version}, and more signatures are needed: ${missing}`);
  return 0;
}

/** A release that waits in `pending/` for more signatures; with enough of them it is published at once. */
async function signWaiting(context: CommandContext, values: CommandValues, sha256: Sha256Hex): Promise<ExitCode> {
  const { terminal } = context;
  const workshop = await openWorkshop(context, values);
  const publisher = await openPublisher(context, values, workshop);
  // Who has only a head key publishes what everybody else has signed.
  if (publisher.headSigners.length === 0) requireSigners(publisher.releaseSigners, '--release-key');
  const outcome = await signPending(workshop.ctx, publisher, { sha256 });
  if (!outcome.ok) return showRefusal(terminal, outcome);
  const { value } = outcome;
  if (values.flag('json')) {
    const missing = value.kind === 'pending' ? value.missing : null;
    terminal.result(JSON.stringify({ kind: value.kind, sha256, revision: value.revision, missing }, null, 2));
  } else if (value.kind === 'pending') terminal.result(`signed; still pending: ${value.missing}`);
  else terminal.result(`signed and published, under head ${value.head.document.version}`);
  return 0;
}
