import { readlink } from 'node:fs/promises';
import { posix } from 'node:path';
import { AgentError } from './errors.ts';
import type { Host } from './host.ts';

const storeDirectory = '/nix/store';
/** Links that are followed at most, as the kernel does (path_resolution(7)). */
const linksMax = 40;

interface Part {
  readonly name: string;
  /** A link, or the store itself, says that it is there. */
  readonly isPromised: boolean;
}

/**
 * Where a path of a closure lies on this machine, each link followed as it reads inside the store: NixOS's `etc` is an
 * absolute link to another store path, which in a chroot store lies elsewhere. Null if nothing is there. Throws
 * `AgentError` `io` for a link that leads nowhere or out of the store, and for a store path that is not there.
 */
export async function locateInStore(host: Pick<Host, 'locate'>, path: string): Promise<string | null> {
  let done = storeDirectory;
  let left = partsOf(path, { isPromised: false });
  for (let links = 0; ; ) {
    const [part, ...rest] = left;
    if (part === undefined) return host.locate(done);
    const next = posix.join(done, part.name);
    const target = await linkAt(host.locate(next));
    left = rest;
    if (target === 'absent') {
      if (part.isPromised || done === storeDirectory) throw new AgentError('io', `${path}: nothing is at ${next}`);
      return null;
    }
    if (target === 'no link') {
      done = next;
      continue;
    }
    if (++links > linksMax) throw new AgentError('io', `${path}: more than ${linksMax} links`);
    left = [...partsOf(posix.resolve(done, target.to), { isPromised: true }), ...rest];
    done = storeDirectory;
  }
}

function partsOf(path: string, { isPromised }: { readonly isPromised: boolean }): readonly Part[] {
  const inside = posix.relative(storeDirectory, path);
  if (inside === '' || inside.startsWith('..')) throw new AgentError('io', `${path} is not in the store`);
  return inside.split('/').map((name) => ({ name, isPromised }));
}

async function linkAt(path: string): Promise<{ readonly to: string } | 'no link' | 'absent'> {
  try {
    return { to: await readlink(path) };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EINVAL') return 'no link';
    if (code === 'ENOENT') return 'absent';
    throw error;
  }
}
