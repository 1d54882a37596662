import { join } from 'node:path';
import type { DocumentSource, Fetched } from './document-source.ts';
import { AgentError } from './errors.ts';
import type { Files } from './files.ts';

/** A directory with the layout of `releases/`: a mounted disk, or the agent's own copies. */
export function directorySource(files: Files, directory: string, name = directory): DocumentSource {
  return {
    name,
    refresh: async () => true,
    async get(path, bytesMax): Promise<Fetched> {
      try {
        const bytes = await files.read(join(directory, path), bytesMax);
        if (bytes === null) return { ok: false, reason: 'missing', detail: `${name}: no ${path}` };
        return { ok: true, bytes };
      } catch (error) {
        if (!(error instanceof AgentError)) throw error;
        const reason = error.code === 'oversized' ? 'oversized' : 'unreachable';
        return { ok: false, reason, detail: error.message };
      }
    },
  };
}
