import assert from 'node:assert/strict';
import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import {
  addSeconds,
  type BootId,
  type EventContent,
  FleetName,
  HostName,
  type Instant,
  verifyEvents,
} from '@nixfleet/contracts';
import { nodeCrypto } from '@nixfleet/contracts/node-crypto';
import { initialHostState } from '@nixfleet/engine';
import { SeededRandom, testKey } from '@nixfleet/testkit';
import { AgentError } from './errors.ts';
import { fileSystem } from './file-system.ts';
import type { Files } from './files.ts';
import { archivesMax, checkpointEvery, Journal } from './journal.ts';

const directories: string[] = [];
after(() => {
  for (const directory of directories) rmSync(directory, { recursive: true });
});

const place = { at: '2026-06-01T08:00:00Z' as Instant, bootId: 'boot-1' as BootId };
const ctx = { crypto: nodeCrypto, fleet: FleetName.parse('demo') };
const host = HostName.parse('canary');
const signer = await testKey('host:canary');
const started: EventContent = { kind: 'started', body: { running: null, agentVersion: '0.1.0' } };
const first: EventContent = {
  kind: 'journal-started',
  body: { reason: 'first-contact', running: null, confirmed: null, agentVersion: '0.1.0' },
};
const random = new SeededRandom(1);

function newDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'nixfleet-journal-'));
  directories.push(directory);
  return directory;
}

const open = (directory: string, files: Files = fileSystem, key = signer) =>
  Journal.open({ files, directory, fleet: ctx.fleet, host, signer: key, ctx, random });

async function withEvents(count: number) {
  const directory = newDirectory();
  const { journal, found } = await open(directory);
  assert.deepEqual(found, { kind: 'absent' });
  await journal.startEpoch();
  await journal.append([first], place);
  for (let i = 1; i < count; i++) await journal.append([started], place);
  return { directory, journal, path: join(directory, 'journal.jsonl') };
}

test('what is appended is there after a restart, chained and signed as the control plane demands', async () => {
  const { directory, journal } = await withEvents(3);
  const again = await open(directory);
  assert.deepEqual(again.found, { kind: 'intact', tornBytes: 0 });
  assert.deepEqual(again.journal.position, journal.position);
  assert.equal(again.journal.position.seq, 3);
  const verified = await verifyEvents(ctx, {
    host,
    keys: [signer.publicKey],
    journal: journal.position.journal,
    after: null,
    events: again.journal.entries.map(({ signed }) => signed),
    signatures: 'every',
  });
  assert.ok(verified.ok, verified.ok ? '' : verified.detail);
});

test('a cut-off last line had no effect and is dropped, at every length', async () => {
  const { directory, path } = await withEvents(2);
  const whole = statSync(path).size;
  const two = readFileSync(path);
  const lastLine = two.lastIndexOf(0x0a, whole - 2) + 1;
  for (const length of [lastLine + 1, lastLine + 100, whole - 1]) {
    writeFileSync(path, two);
    truncateSync(path, length);
    const { journal, found } = await open(directory);
    assert.deepEqual(found, { kind: 'intact', tornBytes: length - lastLine });
    assert.equal(journal.position.seq, 1);
    await journal.append([started], place);
    const after = await open(directory);
    assert.deepEqual(after.found, { kind: 'intact', tornBytes: 0 });
    assert.equal(after.journal.position.seq, 2);
  }
});

test('anything else that does not verify is corrupt, put aside, and a new epoch starts', async () => {
  const { directory, path } = await withEvents(3);
  const good = readFileSync(path, 'utf8');
  const lines = good.trimEnd().split('\n');
  const damaged: Record<string, string> = {
    'a changed byte': good.replace('0.1.0', '0.1.1'),
    'a lost line': `${lines[0]}\n${lines[2]}\n`,
    'swapped lines': `${lines[1]}\n${lines[0]}\n${lines[2]}\n`,
    garbage: `${good}garbage\n`,
    'zeroes in the middle': `${lines[0]}\n\0\0\0\0\n${lines[2]}\n`,
  };
  for (const [what, text] of Object.entries(damaged)) {
    writeFileSync(path, text);
    const { journal, found } = await open(directory);
    assert.equal(found.kind, 'corrupt', what);
    assert.equal(journal.entries.length, 0);
    await journal.startEpoch();
    await journal.append([first], place);
    const after = await open(directory);
    assert.equal(after.found.kind, 'intact', what);
    assert.equal(after.journal.position.seq, 1);
  }
  writeFileSync(path, good);
  const stranger = await testKey('host:web-1');
  rmSync(join(directory, 'key.json'));
  assert.equal((await open(directory, fileSystem, stranger)).found.kind, 'corrupt', 'a key that nobody remembers');
});

test('under another host key the journal is read once more, whole, and not continued', async () => {
  const { directory, path } = await withEvents(3);
  const written = readFileSync(path);
  const next = await testKey('host:web-1');
  const { journal, found } = await open(directory, fileSystem, next);
  assert.deepEqual(found, { kind: 'other-key', tornBytes: 0 });
  assert.equal(journal.position.seq, 3);
  await journal.startEpoch();
  await journal.append([first], place);
  const old = readdirSync(directory).filter((name) => name.startsWith('old-'));
  assert.equal(old.length, 1);
  assert.deepEqual(readFileSync(join(directory, old[0] ?? '')), written, 'kept as it was');
  assert.equal((await open(directory, fileSystem, next)).found.kind, 'intact');

  const { path: other, directory: tampered } = await withEvents(3);
  writeFileSync(other, readFileSync(other, 'utf8').replace('0.1.0', '0.1.1'));
  assert.equal((await open(tampered, fileSystem, next)).found.kind, 'corrupt', 'verified like any other');
});

test('a journal that nobody collects is archived up to its newest checkpoint, and the parts are one chain', async () => {
  const directory = newDirectory();
  const options = { files: fileSystem, directory, fleet: ctx.fleet, host, signer, ctx, random };
  const { journal } = await Journal.open({ ...options, isCollected: false, archiveFromBytes: 4000 });
  await journal.startEpoch();
  await journal.append([first], place);
  const checkpoint: EventContent = { kind: 'checkpoint', body: { state: initialHostState } };
  await journal.archive();
  assert.equal(journal.entries.length, 1, 'without a checkpoint everything stays');
  const counts: number[] = [];
  for (let part = 0; part < archivesMax + 2; part++) {
    for (let i = 0; i < 8; i++) await journal.append([started], place);
    await journal.append([checkpoint], { ...place, at: addSeconds(place.at, part) });
    await journal.archive();
    counts.push(journal.entries.length);
  }
  assert.ok(
    counts.every((count) => count <= 9),
    `kept ${counts}`,
  );
  const archives = readdirSync(directory).filter((name) => name.startsWith('archive-'));
  assert.equal(archives.length, archivesMax, 'and the oldest parts are dropped');
  const lines = [...archives, 'journal.jsonl'].flatMap((name) =>
    readFileSync(join(directory, name), 'utf8').trim().split('\n'),
  );
  const events = lines.map((line) => JSON.parse(line));
  const { seq, prevSha256 } = JSON.parse(events[0].event);
  const after = { journal: journal.position.journal, seq: seq - 1, sha256: prevSha256 };
  const keys = [signer.publicKey];
  const verified = await verifyEvents(ctx, { host, keys, journal: after.journal, after, events, signatures: 'every' });
  assert.ok(verified.ok, verified.ok ? '' : verified.detail);
  assert.deepEqual(verified.value.position, journal.position);
  assert.equal((await open(directory)).found.kind, 'intact');
});

test('a full disk appends nothing, and the journal goes on when there is room again', async () => {
  const directory = newDirectory();
  let isFull = false;
  const files: Files = {
    ...fileSystem,
    async append(path, bytes) {
      if (!isFull) return fileSystem.append(path, bytes);
      // Part of the line gets in before the disk is full.
      appendFileSync(path, bytes.subarray(0, 50));
      throw new AgentError('disk-full', 'no space left on device');
    },
  };
  const { journal } = await open(directory, files);
  await journal.startEpoch();
  await journal.append([first], place);
  isFull = true;
  await assert.rejects(journal.append([started], place), { code: 'disk-full' });
  assert.equal(journal.position.seq, 1);
  isFull = false;
  await journal.append([started], place);
  const again = await open(directory);
  assert.deepEqual(again.found, { kind: 'intact', tornBytes: 0 });
  assert.equal(again.journal.position.seq, 2);
});

test('only what is acknowledged and older than an acknowledged checkpoint is dropped', async () => {
  const { directory, journal } = await withEvents(checkpointEvery);
  assert.ok(journal.isCheckpointDue);
  await journal.append([{ kind: 'checkpoint', body: { state: initialHostState } }, started], place);
  assert.ok(!journal.isCheckpointDue);
  await journal.acknowledge(checkpointEvery);
  await journal.prune();
  assert.equal(journal.entries.length, checkpointEvery + 2, 'the checkpoint is not acknowledged yet');
  await journal.acknowledge(checkpointEvery + 1);
  await journal.prune();
  assert.deepEqual(
    journal.entries.map(({ event }) => event.kind),
    ['checkpoint', 'started'],
  );
  const again = await open(directory);
  assert.deepEqual(again.found, { kind: 'intact', tornBytes: 0 });
  assert.equal(again.journal.position.seq, checkpointEvery + 2);
  assert.equal(again.journal.acknowledgedSeq, checkpointEvery + 1);
  assert.equal(again.journal.entryAt(checkpointEvery + 2)?.event.kind, 'started');
  const batch = again.journal.batchFrom(1, { eventsMax: 10, bytesMax: 1_000_000 });
  assert.equal(batch[0]?.event.kind, 'checkpoint', 'a replay from the start begins at what is kept');
});

test('nothing is lost when the worker prunes and acknowledges while the loop appends', async () => {
  const { directory, journal } = await withEvents(2);
  await journal.append([{ kind: 'checkpoint', body: { state: initialHostState } }], place);
  await Promise.all([
    journal.acknowledge(2),
    journal.acknowledge(3),
    journal.append([started], place),
    journal.prune(),
    journal.append([started], place),
  ]);
  const again = await open(directory);
  assert.deepEqual(again.found, { kind: 'intact', tornBytes: 0 });
  assert.deepEqual(
    again.journal.entries.map(({ event }) => event.seq),
    [3, 4, 5],
  );
  assert.deepEqual(again.journal.position, journal.position);
  assert.equal(again.journal.acknowledgedSeq, 3);
});

test('a batch keeps both bounds, and is never empty', async () => {
  const { journal } = await withEvents(10);
  assert.equal(journal.batchFrom(1, { eventsMax: 4, bytesMax: 1_000_000 }).length, 4);
  assert.equal(journal.batchFrom(1, { eventsMax: 100, bytesMax: 1 }).length, 1);
  assert.equal(journal.batchFrom(9, { eventsMax: 100, bytesMax: 1_000_000 }).length, 2);
});

test('what is appended while the journal is pruned stays in it', async () => {
  const directory = newDirectory();
  let release = (): void => {};
  let isSlow = false;
  // The file system takes its time over a replacement of the file.
  const files: Files = {
    ...fileSystem,
    async write(path, bytes) {
      if (isSlow && path.endsWith('journal.jsonl')) await new Promise<void>((resolve) => (release = resolve));
      return fileSystem.write(path, bytes);
    },
  };
  const { journal } = await open(directory, files);
  await journal.startEpoch();
  await journal.append([first, started, { kind: 'checkpoint', body: { state: initialHostState } }], place);
  await journal.acknowledge(3);
  isSlow = true;
  const pruned = journal.prune();
  const appended = journal.append([started], place);
  await new Promise((resolve) => setImmediate(resolve));
  release();
  await Promise.all([pruned, appended]);
  assert.equal(journal.position.seq, 4);
  const again = await open(directory);
  assert.deepEqual(again.found, { kind: 'intact', tornBytes: 0 });
  assert.deepEqual(again.journal.position, journal.position);
});

test('events that nobody acknowledges do not fill the disk; what others cause at will stops first', async () => {
  const directory = newDirectory();
  const options = { files: fileSystem, directory, fleet: ctx.fleet, host, signer, ctx, random, appendBytesMax: 20_000 };
  const { journal } = await Journal.open(options);
  await journal.startEpoch();
  await journal.append([first], place);
  const withheld: EventContent = { kind: 'withheld', body: { withheld: { code: 'no-go' } } };
  const fill = async (content: EventContent): Promise<void> => {
    for (let i = 0; i < 100; i++) await journal.append([content], place);
  };
  const isFull = (error: unknown): boolean => error instanceof AgentError && error.code === 'journal-full';
  await assert.rejects(fill(withheld), isFull);
  assert.ok(statSync(join(directory, 'journal.jsonl')).size <= 10_000);
  await journal.append([started], place);
  await assert.rejects(fill(started), isFull);
  assert.ok(statSync(join(directory, 'journal.jsonl')).size <= 20_000);
  assert.deepEqual((await Journal.open(options)).found, { kind: 'intact', tornBytes: 0 });
});
