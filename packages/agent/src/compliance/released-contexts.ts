import { CollectionContext, collectionContextBytesMax, parseMessage, type StorePath } from '@nixfleet/contracts';
import { z } from 'zod';
import { AgentError, messageOf } from '../errors.ts';
import type { Files } from '../files.ts';
import type { Log } from '../log.ts';

/** What is being tried, and what a revert goes back to. */
const closuresMax = 2;

/** Newest first. */
const ReleasedContextsFile = z.object({
  schemaVersion: z.literal(1),
  contexts: z.array(CollectionContext).max(closuresMax),
});

/** The file of `ReleasedContexts`. */
export function parseReleasedContexts(bytes: Uint8Array) {
  return parseMessage(ReleasedContextsFile, bytes);
}

/**
 * What was verified of the closures that a host may run without a target: the release that brought each, with its waivers. After
 * a revert the newest release no longer names the rollout that the host is on, and evidence has to. Lost or unreadable,
 * nothing is said of a release, as of a system that nobody released.
 */
export class ReleasedContexts {
  readonly #files: Files;
  readonly #path: string;
  readonly #log: Log;

  constructor({ files, path, log }: { readonly files: Files; readonly path: string; readonly log: Log }) {
    this.#files = files;
    this.#path = path;
    this.#log = log;
  }

  async of(closure: StorePath): Promise<CollectionContext | null> {
    return (await this.#read()).find((context) => context.closure === closure) ?? null;
  }

  /** `confirmed`: what a revert goes back to. Others are forgotten. */
  async remember(context: CollectionContext, confirmed: StorePath | null): Promise<void> {
    const kept = (await this.#read()).filter(({ closure }) => closure !== context.closure && closure === confirmed);
    const file = ReleasedContextsFile.parse({ schemaVersion: 1, contexts: [context, ...kept] });
    try {
      await this.#files.write(this.#path, new TextEncoder().encode(`${JSON.stringify(file)}\n`));
    } catch (error) {
      if (!(error instanceof AgentError)) throw error;
      this.#log('warn', 'what was released cannot be kept', { error: messageOf(error) });
    }
  }

  async #read(): Promise<readonly CollectionContext[]> {
    try {
      const bytes = await this.#files.read(this.#path, closuresMax * collectionContextBytesMax);
      if (bytes === null) return [];
      const parsed = parseReleasedContexts(bytes);
      if (parsed.ok) return parsed.value.contexts;
      this.#log('warn', 'what was released earlier cannot be read', { detail: parsed.detail });
    } catch (error) {
      if (!(error instanceof AgentError)) throw error;
      this.#log('warn', 'what was released earlier cannot be read', { error: messageOf(error) });
    }
    return [];
  }
}
