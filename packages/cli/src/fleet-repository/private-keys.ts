import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Git } from '@nixfleet/release';
import type { Finding } from './finding.ts';

/** A key file is small; what is larger is looked at no further. */
const bytesLookedAt = 64 * 1024;
/** PKCS#8, PKCS#1, SEC 1 and OpenSSH; age; a binary cache's secret key (64 bytes, where a public one has 32). */
const privateKey =
  /-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----|AGE-SECRET-KEY-1[A-Z0-9]{58}|^[A-Za-z0-9._-]+:[A-Za-z0-9+/]{86}==\s*$/m;

/** Private keys in files that git has, or would take with the next `git add`. Nothing where there is no repository yet. */
export async function findPrivateKeys(git: Git, directory: string): Promise<Finding[]> {
  const listed = await git.try(['ls-files', '-z', '--cached', '--others', '--exclude-standard']);
  if (!listed.ok) return [];
  const findings: Finding[] = [];
  for (const path of listed.stdout.split('\0').filter((name) => name !== '')) {
    const text = await beginningOf(join(directory, path));
    if (!privateKey.test(text)) continue;
    const next =
      'take it out of git (git rm --cached), add it to .gitignore, and replace the key: it is in the history';
    findings.push({ severity: 'error', where: path, what: 'holds a private key', next });
  }
  return findings;
}

/** Empty for what is no readable file: deleted in the work tree, a link to nowhere, a submodule. */
async function beginningOf(path: string): Promise<string> {
  try {
    await using file = await open(path);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(bytesLookedAt), 0, bytesLookedAt, 0);
    return buffer.subarray(0, bytesRead).toString('latin1');
  } catch {
    return '';
  }
}
