// What an agent keeps on disk: unreadable, lost, cut off, brought back from an earlier time, or on a full disk.
import assert from 'node:assert/strict';
import { appendFileSync, cpSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { AgentError, type Files, fileSystem, systemClock } from '@nixfleet/agent';
import { msToInstant } from '@nixfleet/contracts';
import { Lab } from './harness/lab.ts';
import { stays, until } from './harness/until.ts';

const lab = await Lab.open();
after(() => lab[Symbol.asyncDispose]());
const names = ['1', '2', '3', '4', '5', '6', '7'];
const [v1, v2, v3, v4, v5, v6, v7] = await Promise.all(names.map((name) => lab.system(name)));
assert.ok(v1 && v2 && v3 && v4 && v5 && v6 && v7);
const canary = lab.host('canary');
const floors = join(canary.stateDirectory, 'floors.json');
const journal = join(canary.stateDirectory, 'journal/journal.jsonl');
await lab.begin(v1);

test('unreadable floors: it reports, starts nothing, and never resets them', async () => {
  await canary.stop();
  const good = readFileSync(floors);
  const torn = good.subarray(0, good.length / 2);
  writeFileSync(floors, torn);
  const mark = canary.mark;
  await canary.start();
  const { body } = await canary.until('withheld', { mark });
  assert.deepEqual([body.withheld?.code, body.withheld?.refusal], ['refused', 'floor-unreadable']);
  await lab.release(v2);
  await lab.controlPlane.until('its reason is shown', ({ hosts }) =>
    hosts.some(({ withheld }) => withheld.some(({ refusal }) => refusal === 'floor-unreadable')),
  );
  await stays('nothing starts', () => !canary.kinds(mark).includes('fetching'), 2);
  assert.equal(canary.running, v1.closure);
  assert.ok(readFileSync(floors).equals(torn));
  await canary.stop();
  writeFileSync(floors, good);
  await canary.start();
  await lab.converged();
});

test('lost floors: told, an old head is not enough, a fresh one is', async () => {
  await canary.stop();
  rmSync(floors);
  // Its own copies too, among which is a head that is fresh enough.
  rmSync(join(canary.stateDirectory, 'documents'), { recursive: true });
  await lab.controlPlane.stop('SIGTERM');
  lab.fleet.now = msToInstant(systemClock.now() - 3 * 3600 * 1000);
  await lab.fleet.publish((next) => {
    for (const host of Object.values(next.hosts)) host.real = { ...v3 };
  });
  lab.writeTree();
  await lab.controlPlane.start();
  const mark = canary.mark;
  await canary.start();
  await canary.until('floor-lost', { mark });
  const { body } = await canary.until('document-refused', { mark });
  assert.deepEqual([body.document, body.reason], ['head', 'floor-lost']);
  await stays('nothing starts', () => !canary.kinds(mark).includes('fetching'), 1);
  assert.equal(canary.running, v2.closure);
  lab.fleet.now = msToInstant(systemClock.now() - 5000);
  await lab.fleet.signHead();
  lab.writeTree();
  await lab.untilRead();
  await lab.converged();
  assert.ok(existsSync(floors));
});

test('a journal cut off in its last line goes on where it was whole', async () => {
  await canary.stop();
  const before = canary.journal();
  appendFileSync(journal, '{"event":"{\\"at\\":\\"2026-');
  await canary.start();
  await lab.release(v4);
  await lab.converged();
  const events = canary.journal();
  assert.equal(events[0]?.journal, before[0]?.journal, 'the same epoch');
  assert.deepEqual(
    events.map(({ seq }) => seq),
    events.map((_, i) => (events[0]?.seq ?? 0) + i),
  );
  const { journal: position } = await lab.controlPlane.host('canary');
  assert.equal(position?.journal, before[0]?.journal);
});

test('a state directory brought back from an earlier time: a new epoch, visibly, and on', async () => {
  await canary.stop();
  const snapshot = join(canary.directory, 'snapshot');
  cpSync(canary.stateDirectory, snapshot, { recursive: true });
  const old = canary.journal()[0]?.journal;
  await canary.start();
  await lab.release(v5);
  await lab.converged();
  await canary.stop();
  rmSync(canary.stateDirectory, { recursive: true });
  renameSync(snapshot, canary.stateDirectory);
  await canary.start();
  const { body } = await canary.until('journal-started', { where: (event) => event.body.reason === 'restored' });
  assert.equal(body.previous?.journal, old);
  assert.notEqual(canary.journal()[0]?.journal, old);
  await lab.converged();
  assert.equal(canary.running, v5.closure, 'what runs was never touched');
  await lab.release(v6);
  await lab.converged();
});

test('a full disk: no new switch; going back from a switch works all the same', async () => {
  await canary.stop();
  const disk = new FillingDisk();
  await canary.start({ files: disk });
  await lab.converged();

  disk.isFull = true;
  const mark = canary.mark;
  await lab.release(v7, (next) => {
    const policy = next.channels.stable?.policy;
    if (policy) policy.confirm.timeoutSeconds = 5;
  });
  await until('an attempt to write', () => disk.refused > 0);
  await stays('nothing starts', () => canary.running === v6.closure && canary.since(mark).length === 0, 2);

  // Room again, until the switch is under way; then the network is cut, so that only going back is left.
  disk.isFull = false;
  await canary.until('activating', { mark });
  canary.route.cut();
  disk.isFull = true;
  await until('switched', () => canary.running === v7.closure);
  await until('back, with the disk full', () => canary.running === v6.closure, { seconds: 30 });
  assert.equal(canary.bootDefault, v6.closure);
  disk.isFull = false;
  await canary.until('reverted', { mark });
  canary.route.mend();
  await lab.converged();
  assert.ok(!canary.kinds(mark).includes('failed'), 'a full disk is no failure of the release');
});

/** The machine's files on a disk that can be full: reading, renaming and removing still work. */
class FillingDisk implements Files {
  isFull = false;
  refused = 0;
  read = fileSystem.read;
  rename = fileSystem.rename;
  remove = fileSystem.remove;
  list = fileSystem.list;
  truncate = fileSystem.truncate;

  async write(path: string, bytes: Uint8Array): Promise<void> {
    this.#claim(path);
    await fileSystem.write(path, bytes);
  }

  async append(path: string, bytes: Uint8Array): Promise<void> {
    this.#claim(path);
    await fileSystem.append(path, bytes);
  }

  #claim(path: string): void {
    if (!this.isFull) return;
    this.refused++;
    throw new AgentError('disk-full', `${path}: ENOSPC: no space left on device`);
  }
}
