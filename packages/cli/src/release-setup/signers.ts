import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import type { Signer } from '@nixfleet/contracts';
import { nodeCrypto } from '@nixfleet/contracts/node-crypto';
import { type Commands, fileSigner, hookSigner, parsePublicKey } from '@nixfleet/release';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import { absolutePath } from '../config/absolute-path.ts';
import { printable } from '../printable.ts';

/** Signers from what was typed: `<private key file>`, or `hook:<public key file>:<shell command>`. */
export async function parseSigners(
  { environment, workingDirectory }: CommandContext,
  commands: Commands,
  { texts, option }: { readonly texts: readonly string[]; readonly option: string },
): Promise<Signer[]> {
  const from = { base: workingDirectory, home: environment.HOME ?? homedir() };
  const signers: Signer[] = [];
  for (const text of texts) {
    if (!text.startsWith('hook:')) {
      signers.push(await fileSigner(absolutePath(text, from), { crypto: nodeCrypto }));
      continue;
    }
    const [, file = '', command = ''] = /^hook:([^:]+):(.+)$/s.exec(text) ?? [];
    if (command === '') {
      const next = 'expected hook:<public key file>:<shell command>';
      throw new CliError('usage', `${option} '${printable(text)}'`, next);
    }
    const path = absolutePath(file, from);
    const publicKey = parsePublicKey(await readFile(path, 'utf8'), path);
    signers.push(hookSigner({ command, publicKey, commands, crypto: nodeCrypto }));
  }
  return signers;
}

export function requireSigners(signers: readonly Signer[], option: string): void {
  if (signers.length > 0) return;
  throw new CliError('usage', 'nothing to sign with', `pass ${option} with a private key file or a hook`);
}
