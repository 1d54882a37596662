import { resolve } from 'node:path';
import { clientIdentity, collectEvidence, fileSystem, readHostKey } from '@nixfleet/agent';
import { nodeCrypto } from '@nixfleet/contracts/node-crypto';
import { systemRandom } from '@nixfleet/contracts/node-random';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import type { ExitCode } from '../command-definition.ts';
import type { CommandValues } from '../command-values.ts';
import { hostCollection } from '../compliance/host-collection.ts';

const retentionDaysMax = 3650;

export async function run(context: CommandContext, values: CommandValues): Promise<ExitCode> {
  const { terminal, workingDirectory } = context;
  const directory = values.text('directory');
  if (directory === undefined) throw new CliError('usage', '--directory is missing', 'say --directory <path>');
  const { options, deps } = await hostCollection(context, values, values.text('fleet'));
  const keyPath = resolve(workingDirectory, values.text('key') ?? '/etc/ssh/ssh_host_ed25519_key');
  const { signer } = await clientIdentity(await readHostKey(fileSystem, keyPath), {
    commonName: 'collector',
    crypto: nodeCrypto,
    random: systemRandom,
  });
  const document = await collectEvidence(
    {
      ...options,
      directory: resolve(workingDirectory, directory),
      retentionDays: daysOf(values.text('retention-days')),
      nonce: nonceOf(values.text('nonce')),
    },
    { ...deps, signer },
  );
  if (values.flag('json')) terminal.result(JSON.stringify(document));
  else {
    const { pass, fail, error, notApplicable } = document.summary;
    terminal.result(
      `evidence ${document.sequence}: ${pass} pass, ${fail} fail, ${error} could not be measured, ${notApplicable} do not apply`,
    );
  }
  return 0;
}

function daysOf(text = '90'): number {
  const days = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (days < 1 || days > retentionDaysMax) {
    throw new CliError(
      'usage',
      `--retention-days: expected 1 to ${retentionDaysMax}, got ${text}`,
      'say a number of days',
    );
  }
  return days;
}

function nonceOf(text: string | undefined): string | null {
  if (text === undefined) return null;
  if (!/^[0-9a-f]{32,128}$/.test(text)) {
    throw new CliError(
      'usage',
      '--nonce: expected 32 to 128 lowercase hexadecimal digits',
      'take 16 random bytes or more',
    );
  }
  return text;
}
