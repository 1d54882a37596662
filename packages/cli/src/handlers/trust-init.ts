import { writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { headPath, msToInstant, trustPath } from '@nixfleet/contracts';
import { systemClock } from '@nixfleet/contracts/node-clock';
import { nodeCrypto } from '@nixfleet/contracts/node-crypto';
import { initTrust, trustChange } from '@nixfleet/release';
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
import { interruptibleCommands } from '../release-setup/workshop.ts';

export async function run(context: CommandContext, values: CommandValues): Promise<ExitCode> {
  const { terminal, workingDirectory, environment } = context;
  const settings = await loadSettings(context, values);
  const fleet = requireSetting(settings, 'fleet');
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
  const content = await editTrust(context, values, emptyContent);
  const ctx = { crypto: nodeCrypto, fleet };
  const proposal = await withReadableMistakes(
    initTrust(ctx, { fleet, content, now: msToInstant(systemClock.now()), signers }),
  );
  if (!proposal.ok) return showRefusal(terminal, proposal);
  const { missing, signed } = proposal.value;
  const message = missing === null ? 'Trust 1' : `Trust 1, pending: ${missing}`;
  const published = await target.publish({ change: trustChange(proposal.value), expected: snapshot.revision, message });
  if (!published.ok) return showRefusal(terminal, published);
  const output = values.text('output');
  if (output !== undefined) {
    await writeFile(
      absolutePath(output, { base: workingDirectory, home: environment.HOME ?? homedir() }),
      signed.bytes,
    );
  }
  showProposal(context, proposal.value, { isJson: values.flag('json') });
  return 0;
}
