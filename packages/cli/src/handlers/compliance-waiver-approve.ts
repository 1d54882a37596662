import { homedir } from 'node:os';
import { keyIdOf, type TrustState, type WaiverDocument, WaiverId } from '@nixfleet/contracts';
import { nodeCrypto } from '@nixfleet/contracts/node-crypto';
import { waiverProblems } from '@nixfleet/evidence';
import { type Approver, systemCommands } from '@nixfleet/release';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import type { ExitCode } from '../command-definition.ts';
import type { CommandValues } from '../command-values.ts';
import { writeApprovals } from '../compliance/approved-files.ts';
import { parseWaiver, readWaiverFiles } from '../compliance/waiver-files.ts';
import { trustAtHand } from '../compliance/waiver-reference.ts';
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
  const trust = await trustAtHand(context, values);
  if (trust !== null) await requireNamed(document, approvers, trust);
  // Before the key is asked: whoever touches a token should have read what it is for.
  terminal.talk(
    `${id}: ${document.ruleId} on ${JSON.stringify(document.scope)} until ${document.expiresAt}: ${printable(document.justification)}`,
  );
  const written = await writeApprovals(file, approvers, `waiver@${document.fleet}`);
  if (values.flag('json')) terminal.result(JSON.stringify({ id, written }, null, 2));
  else for (const path of written) terminal.result(`wrote ${path}: commit it beside the waiver`);
  return 0;
}

/** Every key is an approver's, and one of them that of the approver whom the waiver names: else it counts no more than before. */
async function requireNamed(
  { id, approver: named }: WaiverDocument,
  approvers: readonly Approver[],
  { document, keys }: TrustState,
): Promise<void> {
  const { signers } = document.roles.approver;
  if (!signers.includes(named)) {
    throw new CliError(
      'failed',
      `${id}: ${named} is no approver of trust ${document.version}`,
      'name one of its approvers',
    );
  }
  const threshold = document.roles.approver.threshold;
  const whose = await Promise.all(
    approvers.map(async ({ publicKey }) => keys.get(await keyIdOf(nodeCrypto, publicKey))?.signer ?? null),
  );
  const stranger = whose.findIndex((signer) => signer === null || !signers.includes(signer));
  if (stranger !== -1) {
    const who = whose[stranger] ?? 'nobody of it';
    const detail = `${id}: key ${stranger + 1} is that of ${who}, no approver of trust ${document.version}`;
    throw new CliError('failed', detail, 'sign with the key of an approver: nixfleet trust show');
  }
  // Where several have to sign, the others may come one after the other.
  if (threshold === 1 && !whose.includes(named)) {
    const detail = `${id}: it names ${named}, and this is the key of ${whose.join(', ')}`;
    throw new CliError('failed', detail, `have ${named} sign it, or write it for another approver`);
  }
}
