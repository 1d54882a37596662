import { formatOpensshPublicLine, parseOpensshPublicLine } from '@nixfleet/contracts';
import type { Commands } from '@nixfleet/release';

const lookUpTimeoutMs = 10_000;

/** The ed25519 key that somebody accepted for `address`, hashed names included; null if there is none. */
export async function knownHostKey(commands: Commands, file: string, address: string): Promise<string | null> {
  const host = address.replace(/^.*@/, '');
  if (!/^[A-Za-z0-9[][A-Za-z0-9.:\][-]*$/.test(host)) return null;
  const args = ['-F', host, '-f', file];
  const found = await commands.run({ file: 'ssh-keygen', args, timeoutMs: lookUpTimeoutMs, stdoutBytesMax: 65_536 });
  for (const line of new TextDecoder().decode(found.stdout).split('\n')) {
    // A revoked key, and a certificate authority, are no host's key.
    const [, pubkey = ''] = /^(?!@|#)\S+ (ssh-ed25519 \S+)/.exec(line) ?? [];
    const key = parseOpensshPublicLine(pubkey);
    if (key) return formatOpensshPublicLine(key);
  }
  return null;
}
