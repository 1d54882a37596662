import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CheckinRequest, HostName, ParsedMessage } from '@nixfleet/contracts';
import { CheckinBodies } from './checkin-bodies.ts';

const hash = 'a'.repeat(64);
const said = (seq: number, more: object = {}) =>
  Buffer.from(
    JSON.stringify({
      agentVersion: '0.1.0',
      running: null,
      bootId: 'boot-1',
      journal: { journal: '0'.repeat(32), seq, sha256: hash },
      seen: { head: null, go: null },
      ...more,
    }),
  );
const seqOf = (parsed: ParsedMessage<CheckinRequest>) => (parsed.ok ? parsed.value.journal.seq : parsed.detail);
const one = 'web-1' as HostName;
const two = 'web-2' as HostName;

test('the same bytes of the same host are parsed once; other bytes and other hosts are parsed for themselves', () => {
  const bodies = new CheckinBodies();
  const first = bodies.parse(one, said(1));
  assert.equal(seqOf(first), 1);
  assert.equal(bodies.parse(one, said(1)), first);
  assert.notEqual(bodies.parse(two, said(1)), first);
  assert.equal(seqOf(bodies.parse(one, said(2))), 2);
  assert.equal(seqOf(bodies.parse(one, said(1))), 1);
});

test('bytes that the server overwrites later are not what is compared with', () => {
  const bodies = new CheckinBodies();
  const body = said(1);
  bodies.parse(one, body);
  said(2).copy(body);
  assert.equal(seqOf(bodies.parse(one, body)), 2);
});

test('what is no check-in is refused each time, and never stands in for one', () => {
  const bodies = new CheckinBodies();
  const good = said(1);
  bodies.parse(one, good);
  for (const bad of [good.subarray(0, -1), Buffer.concat([good, Buffer.from('x')]), said(-1), Buffer.alloc(0)]) {
    assert.equal(bodies.parse(one, bad).ok, false);
    assert.equal(bodies.parse(one, bad).ok, false);
  }
  assert.equal(seqOf(bodies.parse(one, good)), 1);
});

test('a large body is taken and not kept, and a host that is gone keeps nothing', () => {
  const bodies = new CheckinBodies();
  const large = said(1, { unknown: 'x'.repeat(1024) });
  assert.notEqual(bodies.parse(one, large), bodies.parse(one, large));
  assert.equal(bodies.size, 0);
  bodies.parse(one, said(1));
  bodies.parse(two, said(1));
  bodies.keepOnly((host) => host === two);
  assert.equal(bodies.size, 1);
});
