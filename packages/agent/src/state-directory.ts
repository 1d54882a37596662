import { stat } from 'node:fs/promises';
import { AgentError } from './errors.ts';

/**
 * Floors, brakes and the records of switches are believed because nobody else writes them. Throws `AgentError`
 * `bad-config` for a directory in which others may, or which is somebody else's. One that is not there yet will be ours.
 */
export async function checkStateDirectory(path: string): Promise<void> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw new AgentError('bad-config', `the state directory ${path}: ${error.message}`, { cause: error });
  });
  if (found === null) return;
  if (!found.isDirectory()) throw new AgentError('bad-config', `the state directory ${path} is not a directory`);
  if ((found.mode & 0o002) !== 0) {
    throw new AgentError('bad-config', `the state directory ${path} is writable by everybody: chmod 0700 it`);
  }
  const self = process.geteuid?.();
  if (self !== undefined && found.uid !== self && found.uid !== 0) {
    throw new AgentError('bad-config', `the state directory ${path} belongs to user ${found.uid}, expected ${self}`);
  }
}
