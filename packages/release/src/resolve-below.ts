import { readlink, realpath } from 'node:fs/promises';
import { join } from 'node:path';

/** Symbolic links that are followed; NixOS has two on the way to its units. */
const linksMax = 16;

/** A path whose absolute links are meant below `root`, as in a chroot store; null if it is not there. */
export async function resolveBelow(root: string, path: string): Promise<string | null> {
  if (root === '') return realpath(path).catch(() => null);
  let left = path.slice(root.length).split('/');
  let done = root;
  for (let links = 0; left.length > 0; ) {
    const [part = '', ...rest] = left;
    const next = part === '' ? done : join(done, part);
    const target = part === '' ? null : await readlink(next).catch(() => null);
    if (target === null) {
      done = next;
      left = rest;
      continue;
    }
    links += 1;
    if (links > linksMax) return null;
    const isAbsolute = target.startsWith('/');
    left = [...target.split('/'), ...rest];
    if (isAbsolute) done = root;
  }
  return done;
}
