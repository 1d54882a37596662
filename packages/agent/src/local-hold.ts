import { type EventContent, type HostState, Instant, type ParsedMessage, parseMessage } from '@nixfleet/contracts';
import { z } from 'zod';
import { AgentError } from './errors.ts';
import type { Files } from './files.ts';

const bytesMax = 16 * 1024;

/** A brake set on the machine itself: no new switch until it ends. */
export const LocalHold = z.object({ until: Instant, reason: z.string().min(1).max(1000) });
export type LocalHold = z.infer<typeof LocalHold>;

export function parseLocalHold(bytes: Uint8Array): ParsedMessage<LocalHold> {
  return parseMessage(LocalHold, bytes);
}

/** The agent reads the file before it starts anything, and else within a minute, and journals the change. */
export function localHoldPath(stateDirectory: string): string {
  return `${stateDirectory}/local-hold.json`;
}

export async function setLocalHold(files: Files, stateDirectory: string, hold: LocalHold): Promise<void> {
  await files.write(
    localHoldPath(stateDirectory),
    new TextEncoder().encode(`${JSON.stringify(LocalHold.parse(hold))}\n`),
  );
}

export async function clearLocalHold(files: Files, stateDirectory: string): Promise<void> {
  await files.remove(localHoldPath(stateDirectory));
}

/** Null without one, and once it ended. A file that cannot be read holds: whoever wrote it wanted to stop something. */
export async function readLocalHold(files: Files, stateDirectory: string, now: Instant): Promise<LocalHold | null> {
  const unreadable: LocalHold = {
    until: Instant.parse('2999-12-31T00:00:00Z'),
    reason: 'local-hold.json cannot be read',
  };
  const bytes = await files.read(localHoldPath(stateDirectory), bytesMax).catch((error: unknown) => {
    if (error instanceof AgentError) return 'unreadable' as const;
    throw error;
  });
  if (bytes === null) return null;
  if (bytes === 'unreadable') return unreadable;
  const parsed = parseLocalHold(bytes);
  if (!parsed.ok) return unreadable;
  return now < parsed.value.until ? parsed.value : null;
}

/** What the journal has yet to be told of it. */
export function localHoldNews(hold: LocalHold | null, { localHold: known }: HostState): EventContent[] {
  const isKnown = hold?.until === known?.until && hold?.reason === known?.reason;
  return isKnown ? [] : [{ kind: 'local-hold', body: { hold } }];
}
