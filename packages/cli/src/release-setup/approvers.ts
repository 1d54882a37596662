import { homedir } from 'node:os';
import { nodeCrypto } from '@nixfleet/contracts/node-crypto';
import { type Approver, type Commands, fileApprover, signerApprover } from '@nixfleet/release';
import type { CommandContext } from '../command-context.ts';
import type { CommandValues } from '../command-values.ts';
import { absolutePath } from '../config/absolute-path.ts';
import { printable } from '../printable.ts';
import { parseSigners } from './signers.ts';

/** People's keys from `--approver-key`: a file, the `.pub` of a key that ssh-agent holds, or a hook. */
export async function parseApprovers(
  context: CommandContext,
  values: CommandValues,
  commands: Commands,
): Promise<Approver[]> {
  const { environment, workingDirectory, terminal } = context;
  const from = { base: workingDirectory, home: environment.HOME ?? homedir() };
  const approvers: Approver[] = [];
  for (const text of values.list('approver-key')) {
    if (text.startsWith('hook:')) {
      const signers = await parseSigners(context, commands, { texts: [text], option: '--approver-key' });
      approvers.push(...signers.map((signer) => signerApprover(signer, { crypto: nodeCrypto })));
      continue;
    }
    const talk = (line: string): void => terminal.talk(printable(line));
    approvers.push(await fileApprover(absolutePath(text, from), { crypto: nodeCrypto, commands, talk }));
  }
  return approvers;
}
