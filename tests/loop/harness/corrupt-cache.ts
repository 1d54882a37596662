import { execFileSync } from 'node:child_process';
import { createHash, createPrivateKey, sign } from 'node:crypto';
import { appendFileSync, cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NixCache } from '@nixfleet/testkit';

/** PKCS#8 of an ed25519 key up to its 32-byte seed (RFC 8410 §7). */
const ed25519Prefix = Buffer.from('302e020100300506032b657004220420', 'hex');
/** What a thief adds to every file of a path. */
const payload = '\n# and what the thief wants\n';

/** The paths of a cache whose name after the hash begins so. */
export function cachedPaths(directory: string, nameStart: string): string[] {
  return readdirSync(directory)
    .filter((name) => name.endsWith('.narinfo'))
    .map((name) => field(readFileSync(join(directory, name), 'utf8'), 'StorePath'))
    .filter((path) => path.slice('/nix/store/'.length + 33).startsWith(nameStart));
}

/**
 * A copy of the cache in which one path has other contents under its old name: a NAR, a narinfo that says so, and a
 * signature over it by the cache's own key, as somebody makes who stole that key. Nix alone has nothing against it.
 */
export function corruptCopy(cache: NixCache, storePath: string): string {
  const copy = mkdtempSync(join(tmpdir(), 'nixfleet-corrupt-cache-'));
  cpSync(join(cache.directory, 'cache'), copy, { recursive: true });
  const narinfoPath = join(copy, `${hashPart(storePath)}.narinfo`);
  const narinfo = readFileSync(narinfoPath, 'utf8');

  const scratch = mkdtempSync(join(tmpdir(), 'nixfleet-corrupt-path-'));
  const tree = join(scratch, 'path');
  execFileSync('nix-store', ['--restore', tree], { input: readFileSync(join(copy, field(narinfo, 'URL'))) });
  execFileSync('chmod', ['-R', 'u+w', tree]);
  for (const entry of readdirSync(tree, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) appendFileSync(join(entry.parentPath, entry.name), payload);
  }
  const nar = execFileSync('nix-store', ['--dump', tree]);
  rmSync(scratch, { recursive: true });

  const hex = createHash('sha256').update(nar).digest('hex');
  const base32 = execFileSync('nix-hash', ['--type', 'sha256', '--to-base32', hex], { encoding: 'utf8' }).trim();
  writeFileSync(join(copy, `nar/${base32}.nar`), nar);
  const changes = {
    URL: `nar/${base32}.nar`,
    Compression: 'none',
    FileHash: `sha256:${base32}`,
    FileSize: String(nar.length),
    NarHash: `sha256:${base32}`,
    NarSize: String(nar.length),
  };
  writeFileSync(narinfoPath, signedNarinfo(cache, narinfo, changes));
  return copy;
}

/** A narinfo with other values in some of its fields, signed anew by the cache's own key. */
export function signedNarinfo(cache: NixCache, narinfo: string, changes: Readonly<Record<string, string>>): string {
  const changed = withFields(narinfo, changes);
  const references = field(changed, 'References')
    .split(' ')
    .filter((name) => name !== '')
    .map((name) => `/nix/store/${name}`);
  const [path, narHash, narSize] = ['StorePath', 'NarHash', 'NarSize'].map((name) => field(changed, name));
  const fingerprint = `1;${path};${narHash};${narSize};${references.join(',')}`;
  return withFields(changed, { Sig: signWithCacheKey(cache, fingerprint) });
}

function withFields(narinfo: string, values: Readonly<Record<string, string>>): string {
  const lines = narinfo.split('\n').map((line) => {
    const name = line.slice(0, Math.max(0, line.indexOf(':')));
    return values[name] === undefined ? line : `${name}: ${values[name]}`;
  });
  return lines.join('\n');
}

/** A copy of the cache that lacks one path. */
export function copyWithout(cache: NixCache, storePath: string): string {
  const copy = mkdtempSync(join(tmpdir(), 'nixfleet-poor-cache-'));
  cpSync(join(cache.directory, 'cache'), copy, { recursive: true });
  rmSync(join(copy, `${hashPart(storePath)}.narinfo`));
  return copy;
}

function signWithCacheKey(cache: NixCache, text: string): string {
  const [name = '', base64 = ''] = readFileSync(join(cache.directory, 'secret'), 'utf8').trim().split(':');
  const seed = Buffer.from(base64, 'base64').subarray(0, 32);
  const key = createPrivateKey({ key: Buffer.concat([ed25519Prefix, seed]), format: 'der', type: 'pkcs8' });
  return `${name}:${sign(null, Buffer.from(text), key).toString('base64')}`;
}

function hashPart(storePath: string): string {
  return storePath.slice('/nix/store/'.length, '/nix/store/'.length + 32);
}

function field(narinfo: string, name: string): string {
  return narinfo.match(new RegExp(`^${name}: ?(.*)$`, 'm'))?.[1] ?? '';
}
