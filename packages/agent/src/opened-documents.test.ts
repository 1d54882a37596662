// What the tests of the agent's documents share: a state directory, and the source that it is filled from.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { type EventContent, HostName, JournalId, Sha256Hex } from '@nixfleet/contracts';
import { createTestFleet, FakeClock, type TestFleet, type TestFleetOptions } from '@nixfleet/testkit';
import { AgentTime } from './agent-time.ts';
import { DocumentCache } from './document-cache.ts';
import type { DocumentSource } from './document-source.ts';
import { fileSystem } from './file-system.ts';
import { Floors } from './floors.ts';
import { Permission } from './intent.ts';
import { IntentSource } from './intent-source.ts';
import { TrustWalk } from './trust-walk.ts';

const directories: string[] = [];
after(() => {
  for (const directory of directories) rmSync(directory, { recursive: true });
});
export const never: AbortSignal = new AbortController().signal;

export function sourceOf(files: ReadonlyMap<string, Uint8Array>, name = 'test'): DocumentSource {
  return {
    name,
    refresh: async () => true,
    async get(path, bytesMax) {
      const bytes = files.get(path);
      if (!bytes) return { ok: false, reason: 'missing', detail: path };
      return bytes.length > bytesMax ? { ok: false, reason: 'oversized', detail: path } : { ok: true, bytes };
    },
  };
}

/** An agent's documents in a state directory; opened again, it is what a restart finds. */
export async function openDocuments(fleet: TestFleet, { host = 'canary', directory = '', isFloorLost = false } = {}) {
  const at = directory || mkdtempSync(join(tmpdir(), 'nixfleet-documents-'));
  if (!directory) directories.push(at);
  const clock = new FakeClock(fleet.now);
  const { floors, found } = await Floors.open(fileSystem, join(at, 'floors.json'));
  const cache = new DocumentCache(fileSystem, join(at, 'documents'));
  const time = new AgentTime(clock, floors.values.time);
  const trust = await TrustWalk.open({
    ctx: fleet.ctx,
    floors,
    cache,
    shipped: fleet.trustChain[0]?.bytes ?? new Uint8Array(),
  });
  const events: EventContent[] = [];
  const report = (content: EventContent): void => {
    events.push(content);
  };
  const documents = new IntentSource({
    ctx: fleet.ctx,
    host: HostName.parse(host),
    ownKeyId: (await fleet.hostKey('canary')).keyId,
    trust,
    floors,
    cache,
    time,
    report,
    isFloorLost,
  });
  const position = () => ({
    journal: JournalId.parse('1'.repeat(32)),
    seq: 1,
    sha256: Sha256Hex.parse('0'.repeat(64)),
  });
  const permission = new Permission(fleet.ctx, { documents, clock, report, position });
  const refusals = (): string[] =>
    events.flatMap((event) =>
      event.kind === 'document-refused' ? [`${event.body.document}: ${event.body.reason}`] : [],
    );
  return { documents, permission, floors, found, cache, trust, clock, time, events, refusals, directory: at };
}

export async function newFleet(options: TestFleetOptions = {}): Promise<TestFleet> {
  const fleet = await createTestFleet(options);
  await fleet.publish();
  return fleet;
}

export const facts = { localHold: null, isClockSynchronised: true, secondsSinceContact: 1 };
