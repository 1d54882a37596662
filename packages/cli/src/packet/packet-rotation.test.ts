import assert from 'node:assert/strict';
import { appendFile, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { addSeconds, type Instant, SignedEvent, sha256Hex, utf8 } from '@nixfleet/contracts';
import { signEvent } from '@nixfleet/testkit';
import { commitOf, PacketLab } from './packet-lab.test.ts';

const hour = 3600;

/** Adds an event to web-1's journal, signed by any key. */
async function tell(lab: PacketLab, label: string, at: Instant): Promise<void> {
  const path = lab.at('evidence', 'web-1', 'journal.jsonl');
  const lines = (await readFile(path, 'utf8')).trimEnd().split('\n');
  const last = SignedEvent.parse(JSON.parse(lines.at(-1) ?? ''));
  const before = JSON.parse(last.event) as { seq: number; rolloutId?: string };
  delete before.rolloutId;
  const prevSha256 = await sha256Hex(lab.fleet.ctx.crypto, utf8(last.event));
  const event = { ...before, seq: before.seq + 1, prevSha256, at, kind: 'started' };
  const { closure } = await lab.fleet.target('web-1');
  const body = { running: closure, agentVersion: '0.1.0' };
  await appendFile(path, `${JSON.stringify(await signEvent(await lab.fleet.keyOf(label), { ...event, body }))}\n`);
}

test('a key that changed before the period, or after it, breaks no journal', async (t) => {
  const lab = await PacketLab.create();
  t.after(() => rm(lab.root, { recursive: true, force: true }));
  const third = (await lab.fleet.keyOf('host:web-1-third')).openssh;
  await lab.release(commitOf('second').name, [], [], (next) => {
    Object.assign(next.hosts['web-1'] ?? {}, { pubkeys: [third] });
  });
  await lab.publish();
  await tell(lab, 'host:web-1-third', addSeconds(lab.to, 3 * hour));

  const earlier = await lab.create();
  assert.deepEqual((await lab.verify(earlier.output)).codes, [], 'the third key is of a release after it');
  const kept = await readFile(join(earlier.output, 'hosts/web-1/journal.jsonl'), 'utf8');
  assert.equal(kept.trimEnd().split('\n').length, 5, 'nothing of the period is left out');

  const later = await lab.create({ from: addSeconds(lab.to, 2 * hour), to: addSeconds(lab.to, 4 * hour) });
  assert.deepEqual((await lab.verify(later.output)).codes, [], 'the first key is of a release before it');
  const whole = await readFile(join(later.output, 'hosts/web-1/journal.jsonl'), 'utf8');
  assert.equal(whole.trimEnd().split('\n').length, 6);
});
