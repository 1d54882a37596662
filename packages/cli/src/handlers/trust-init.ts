import { writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { type FleetName, headPath, msToInstant, type Signer, trustPath } from '@nixfleet/contracts';
import { systemClock } from '@nixfleet/contracts/node-clock';
import { nodeCrypto } from '@nixfleet/contracts/node-crypto';
import { initTrust, type ReleaseOutcome, signTrust, type TrustProposal, trustChange } from '@nixfleet/release';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import type { ExitCode } from '../command-definition.ts';
import type { CommandValues } from '../command-values.ts';
import { absolutePath } from '../config/absolute-path.ts';
import { loadSettings, requireSetting } from '../config/settings.ts';
import { showRefusal } from '../refusal-line.ts';
import { showProposal } from '../release-setup/show-proposal.ts';
import { parseSigners, requireSigners } from '../release-setup/signers.ts';
import { openTarget } from '../release-setup/target.ts';
import { editTrust, emptyContent, withReadableMistakes } from '../release-setup/trust-edits.ts';
import { interruptibleCommands, readStart } from '../release-setup/workshop.ts';

export async function run(context: CommandContext, values: CommandValues): Promise<ExitCode> {
  const { terminal, workingDirectory, environment } = context;
  const settings = await loadSettings(context, values);
  const commands = interruptibleCommands(context);
  const target = await openTarget(context, commands, requireSetting(settings, 'releases'));
  const signers = await parseSigners(context, commands, { texts: values.list('root-key'), option: '--root-key' });
  requireSigners(signers, '--root-key');
  const snapshot = await target.snapshot();
  for (const path of [trustPath(1), headPath]) {
    if (await snapshot.tree.read(path, Number.MAX_SAFE_INTEGER)) {
      throw new CliError('failed', `${target.name}: ${path} is there already`, 'use nixfleet trust update');
    }
  }
  const from = { base: workingDirectory, home: environment.HOME ?? homedir() };
  const written = values.text('document');
  const proposal =
    written === undefined
      ? await newTrust(context, values, { fleet: requireSetting(settings, 'fleet'), signers })
      : await writtenTrust(absolutePath(written, from), signers);
  if (!proposal.ok) return showRefusal(terminal, proposal);
  const { missing, signed } = proposal.value;
  const message = missing === null ? 'Trust 1' : `Trust 1, pending: ${missing}`;
  const published = await target.publish({ change: trustChange(proposal.value), expected: snapshot.revision, message });
  if (!published.ok) return showRefusal(terminal, published);
  const output = values.text('output');
  if (output !== undefined) {
    await writeFile(absolutePath(output, from), signed.bytes);
  }
  showProposal(context, proposal.value, { isJson: values.flag('json') });
  return 0;
}

async function newTrust(
  context: CommandContext,
  values: CommandValues,
  { fleet, signers }: { readonly fleet: FleetName; readonly signers: readonly Signer[] },
): Promise<ReleaseOutcome<TrustProposal>> {
  const content = await editTrust(context, values, emptyContent);
  const now = msToInstant(systemClock.now());
  return withReadableMistakes(initTrust({ crypto: nodeCrypto, fleet }, { fleet, content, now, signers }));
}

/** The bytes that hosts start from already, as `nixfleet init` wrote them: signed here, and otherwise left alone. */
async function writtenTrust(path: string, signers: readonly Signer[]): Promise<ReleaseOutcome<TrustProposal>> {
  const { bytes, document } = await readStart(path);
  const ctx = { crypto: nodeCrypto, fleet: document.fleet };
  return signTrust(ctx, { signed: { bytes, signatures: new Map() }, previous: null, signers });
}
