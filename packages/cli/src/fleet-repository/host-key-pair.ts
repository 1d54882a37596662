import { chmod, mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { HostName } from '@nixfleet/contracts';
import type { Commands } from '@nixfleet/release';
import { CliError } from '../cli-error.ts';

const keygenTimeoutMs = 30_000;
/** Where sshd and the agent look for it. */
const placeOnHost = join('etc', 'ssh', 'ssh_host_ed25519_key');

export interface HostKeyPair {
  readonly pubkey: string;
  /** What nixos-anywhere takes as --extra-files: the tree that is copied to the root of the new machine. */
  readonly extraFiles: string;
}

/** A key pair for a machine that does not exist yet, below `keys/hosts/<name>/`, as OpenSSH writes it. Never overwrites. */
export async function newHostKeyPair(commands: Commands, keys: string, name: HostName): Promise<HostKeyPair> {
  const extraFiles = join(keys, 'hosts', name);
  const path = join(extraFiles, placeOnHost);
  await mkdir(keys, { recursive: true, mode: 0o700 });
  await mkdir(dirname(path), { recursive: true });
  // ssh-keygen would ask, and take its closed input for a no.
  const existing = await readFile(path).catch(() => null);
  if (existing)
    throw new CliError('failed', `${path}: is there already`, 'move it away, or pass its public half with --pubkey');
  const args = ['-q', '-t', 'ed25519', '-N', '', '-C', `root@${name}`, '-f', path];
  const made = await commands.run({ file: 'ssh-keygen', args, timeoutMs: keygenTimeoutMs, stdoutBytesMax: 4096 });
  if (made.exitCode !== 0)
    throw new CliError('failed', `ssh-keygen: ${made.stderrTail.trim()}`, 'look at the folder it writes to');
  // nixos-anywhere copies modes as they are.
  for (const folder of [extraFiles, join(extraFiles, 'etc'), join(extraFiles, 'etc', 'ssh')])
    await chmod(folder, 0o755);
  const line = (await readFile(`${path}.pub`, 'utf8')).trim();
  return { pubkey: line.split(' ').slice(0, 2).join(' '), extraFiles };
}
