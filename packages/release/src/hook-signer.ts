import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Crypto, PublicKey, Signer } from '@nixfleet/contracts';
import { type Commands, failureText, succeeded } from './commands.ts';
import { ReleaseError } from './errors.ts';

/** Bound of one call of a sign hook, in milliseconds: a person may have to touch a token. */
export const signHookTimeoutMs = 5 * 60_000;
const signatureBytes = 64;
const hookOutputBytesMax = 1024 * 1024;

/**
 * The key provider `command`: `sh -c COMMAND` with `NIXFLEET_INPUT` (a file with the bytes to sign) and
 * `NIXFLEET_OUTPUT` (an empty file to fill with the raw signature); standard input is closed. Whatever the hook does, a
 * signature counts only if it is exactly 64 bytes and verifies under `publicKey`. Failing throws `ReleaseError` `command`.
 */
export function hookSigner(input: {
  readonly command: string;
  readonly publicKey: PublicKey;
  readonly commands: Commands;
  readonly crypto: Crypto;
  readonly timeoutMs?: number;
}): Signer {
  const { command, publicKey, commands, crypto } = input;
  return {
    publicKey,
    async sign(message) {
      if (publicKey.algorithm === 'sk-ssh-ed25519') {
        throw new ReleaseError('bad-input', 'a FIDO key signs approvals only, inside SSHSIG');
      }
      const folder = await mkdtemp(join(tmpdir(), 'nixfleet-sign-'));
      try {
        const toSign = join(folder, 'input');
        const output = join(folder, 'output');
        await writeFile(toSign, message, { mode: 0o600 });
        await writeFile(output, '', { mode: 0o600 });
        const request = {
          file: 'sh',
          args: ['-c', command],
          env: { NIXFLEET_INPUT: toSign, NIXFLEET_OUTPUT: output },
          timeoutMs: input.timeoutMs ?? signHookTimeoutMs,
          stdoutBytesMax: hookOutputBytesMax,
        };
        const result = await commands.run(request);
        if (!succeeded(result)) throw new ReleaseError('command', failureText('the sign hook', request, result));
        const signature = await readSignature(output);
        if (await crypto.verify(publicKey, message, signature)) return signature;
        throw new ReleaseError('command', "the sign hook's signature does not verify under the declared public key");
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    },
  };
}

async function readSignature(path: string): Promise<Uint8Array> {
  let size = 0;
  try {
    size = (await stat(path)).size;
  } catch {
    // The hook removed the file: as good as an empty one.
  }
  if (size === signatureBytes) return new Uint8Array(await readFile(path));
  const what = size === 0 ? 'nothing (did it write to standard output?)' : `${size} bytes (DER or base64?)`;
  throw new ReleaseError('command', `the sign hook wrote ${what}, expected a raw signature of 64 bytes`);
}
