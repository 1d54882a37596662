import { formatOpensshPublicLine, opensshFingerprint, parseOpensshPublicLine } from '@nixfleet/contracts';
import { nodeCrypto } from '@nixfleet/contracts/node-crypto';
import type { Commands } from '@nixfleet/release';
import { CliError } from '../cli-error.ts';
import { printable } from '../printable.ts';
import type { Questions } from './questions.ts';

const scanTimeoutMs = 30_000;

/** A host, and where its sshd is: `host`, `host:port` or `[address]:port`. */
function parsePlace(text: string): { readonly host: string; readonly port: string } {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9][A-Za-z0-9.-]*))(?::(\d{1,5}))?$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  if (host === undefined)
    throw new CliError('usage', `--ssh '${printable(text)}'`, 'expected host, host:port or [address]:port');
  return { host, port: match?.[3] ?? '22' };
}

/**
 * The ed25519 key that the sshd at `place` shows. Whoever is between us and it could show another, so it counts only when
 * its fingerprint is `expected`, or a person who compared it says so.
 */
export async function scannedHostKey(
  commands: Commands,
  {
    place,
    expected,
    questions,
  }: { readonly place: string; readonly expected: string | undefined; readonly questions: Questions | null },
): Promise<string> {
  const { host, port } = parsePlace(place);
  const args = ['-T', '10', '-t', 'ed25519', '-p', port, '--', host];
  const scanned = await commands.run({ file: 'ssh-keyscan', args, timeoutMs: scanTimeoutMs, stdoutBytesMax: 65_536 });
  const [, line = ''] = /^\S+ (ssh-ed25519 \S+)\s*$/m.exec(new TextDecoder().decode(scanned.stdout)) ?? [];
  const key = parseOpensshPublicLine(line);
  if (!key)
    throw new CliError(
      'failed',
      `${place}: shows no ed25519 host key`,
      'is sshd running there, and reachable from here?',
    );
  const fingerprint = await opensshFingerprint(nodeCrypto, key);
  if (expected === undefined) await confirm(place, fingerprint, questions);
  else if (expected !== fingerprint) {
    throw new CliError(
      'failed',
      `${place}: its key is ${fingerprint}, not ${printable(expected)}`,
      'nothing was written: find out whose key that is',
    );
  }
  return formatOpensshPublicLine(key);
}

async function confirm(place: string, fingerprint: string, questions: Questions | null): Promise<void> {
  const compare = 'compare it with what `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` prints on its console';
  if (!questions)
    throw new CliError('failed', `${place}: its key is ${fingerprint}`, `${compare}, then pass it as --fingerprint`);
  const answer = await questions.ask(`The key of ${place} is ${fingerprint}; ${compare}. Is it the same? (yes/no) `);
  if (answer !== 'yes') throw new CliError('failed', `${place}: its key was not confirmed`, 'nothing was written');
}
