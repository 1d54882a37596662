import { readFile } from 'node:fs/promises';
import { formatOpensshPublicLine, parseOpensshPublicLine } from '@nixfleet/contracts';
import { CliError } from '../cli-error.ts';
import { absolutePath } from '../config/absolute-path.ts';
import { printable } from '../printable.ts';

/** An OpenSSH public key as typed: the line itself, or the file that holds it. Comes back without its comment. */
export async function publicLine(
  text: string,
  { option, from }: { readonly option: string; readonly from: { readonly base: string; readonly home: string } },
): Promise<string> {
  const isLine = /^(?:ssh|ecdsa|sk)-/.test(text);
  const line = isLine ? text : await readFile(absolutePath(text, from), 'utf8').catch(() => null);
  if (line === null)
    throw new CliError('usage', `${option} '${printable(text)}'`, 'expected an OpenSSH public key, or a file with one');
  const key = parseOpensshPublicLine(line.trim());
  if (key) return formatOpensshPublicLine(key);
  throw new CliError(
    'usage',
    `${option} '${printable(text).slice(0, 80)}'`,
    'expected an ssh-ed25519 or ecdsa-sha2-nistp256 public key',
  );
}
