import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ControlPlaneError, messageOf } from '../errors.ts';
import type { ReleaseSnapshot, ReleaseSource } from './release-source.ts';
import { holdNameOf } from './signed-files.ts';
import { isSignedPath } from './signed-path.ts';

/** A local directory that is `releases/`. Its publisher replaces files by rename, the head last. */
export function directorySource({ path: root }: { readonly path: string }): ReleaseSource {
  const read = async (path: string, bytesMax: number): Promise<Uint8Array | null> => {
    if (!isSignedPath(path)) throw new ControlPlaneError('source-failed', `not a path of releases/: ${path}`);
    return readBounded(join(root, path), bytesMax);
  };
  const holds = () => holdNames(join(root, 'holds'));
  const snapshot: ReleaseSnapshot = { id: null, read, holds, [Symbol.asyncDispose]: async () => {} };
  return {
    description: `directory ${root}`,
    open: async () => snapshot,
    [Symbol.asyncDispose]: async () => {},
  };
}

async function holdNames(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).flatMap((name) => holdNameOf(`holds/${name}`) ?? []);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw new ControlPlaneError('source-failed', `${folder}: ${messageOf(error)}`, { cause: error });
  }
}

async function readBounded(file: string, bytesMax: number): Promise<Uint8Array | null> {
  try {
    await using handle = await open(file, 'r');
    const { size } = await handle.stat();
    if (size > bytesMax) {
      throw new ControlPlaneError('source-failed', `${file}: expected at most ${bytesMax} bytes, got ${size}`);
    }
    // One byte more than allowed, in case it grew meanwhile.
    const buffer = Buffer.alloc(size + 1);
    let length = 0;
    for (let got = -1; got !== 0 && length <= size; length += got) {
      got = (await handle.read(buffer, length, buffer.length - length, length)).bytesRead;
      if (length + got > size) throw new ControlPlaneError('source-failed', `${file}: changed while it was read`);
    }
    return new Uint8Array(buffer.subarray(0, length));
  } catch (error) {
    if (error instanceof ControlPlaneError) throw error;
    const code = error instanceof Error && 'code' in error ? error.code : null;
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    throw new ControlPlaneError('source-failed', `${file}: ${messageOf(error)}`, { cause: error });
  }
}
