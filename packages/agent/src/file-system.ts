import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { AgentError, messageOf } from './errors.ts';
import type { Files } from './files.ts';

/** Mode of what the agent writes: nobody else's business. */
const fileMode = 0o600;
const directoryMode = 0o700;
/** Mode of what everybody may read. */
const openFileMode = 0o644;
const openDirectoryMode = 0o755;

/** The machine's file system. */
export const fileSystem: Files = {
  async read(path, bytesMax) {
    const file = await open(path, 'r').catch(absent);
    if (file === null) return null;
    try {
      const { size } = await file.stat();
      if (size > bytesMax) {
        throw new AgentError('oversized', `${path}: expected at most ${bytesMax} bytes, got ${size}`);
      }
      return new Uint8Array(await file.readFile());
    } catch (error) {
      throw asAgentError(error, `cannot read ${path}`);
    } finally {
      await file.close();
    }
  },

  async write(path, bytes, audience) {
    const temporary = `${path}.new`;
    try {
      const isOpen = audience === 'everybody';
      await mkdir(dirname(path), { recursive: true, mode: isOpen ? openDirectoryMode : directoryMode });
      const file = await open(temporary, 'w', isOpen ? openFileMode : fileMode);
      try {
        await file.writeFile(bytes);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, path);
      await syncDirectory(dirname(path));
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => {});
      throw asAgentError(error, `cannot write ${path}`);
    }
  },

  async append(path, bytes) {
    try {
      const file = await open(path, 'a', fileMode);
      try {
        await file.writeFile(bytes);
        await file.datasync();
      } finally {
        await file.close();
      }
    } catch (error) {
      throw asAgentError(error, `cannot append to ${path}`);
    }
  },

  async truncate(path, length) {
    try {
      const file = await open(path, 'r+');
      try {
        await file.truncate(length);
        await file.sync();
      } finally {
        await file.close();
      }
    } catch (error) {
      throw asAgentError(error, `cannot cut ${path}`);
    }
  },

  async rename(from, to) {
    try {
      await rename(from, to);
      await syncDirectory(dirname(to));
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
      throw asAgentError(error, `cannot rename ${from} to ${to}`);
    }
  },

  async remove(path) {
    try {
      await rm(path, { recursive: true, force: true });
    } catch (error) {
      throw asAgentError(error, `cannot remove ${path}`);
    }
  },

  async list(path) {
    try {
      return (await readdir(path)).sort();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw asAgentError(error, `cannot list ${path}`);
    }
  },
};

function absent(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT') return null;
  throw asAgentError(error, 'cannot open');
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

function asAgentError(error: unknown, what: string): AgentError {
  if (error instanceof AgentError) return error;
  const { code } = error as NodeJS.ErrnoException;
  const isFull = code === 'ENOSPC' || code === 'EDQUOT';
  return new AgentError(isFull ? 'disk-full' : 'io', `${what}: ${messageOf(error)}`, { cause: error });
}
