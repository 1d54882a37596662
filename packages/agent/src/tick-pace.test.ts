import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HostPhase, HostTarget, Instant } from '@nixfleet/contracts';
import { type Intent, initialMemory } from '@nixfleet/engine';
import { restTickMs, switchTickMs, untilNextTickMs, waitingTickMs } from './tick-pace.ts';

const now = '2026-06-01T08:00:00Z' as Instant;
const target = { rolloutId: 'a'.repeat(64) } as HostTarget;
const at = (time: string): Instant => `2026-06-01T${time}Z` as Instant;
const other = { rolloutId: 'b'.repeat(64) } as HostTarget;

function pace(phase: HostPhase, { wanted = target, brake = null }: Partial<Wait> = {}): number {
  const { state, working } = initialMemory;
  const intent = { target: wanted, brake } as Intent;
  return untilNextTickMs({ state: { ...state, phase }, working: { ...working, intent } }, now);
}

interface Wait {
  readonly wanted: HostTarget;
  readonly brake: Intent['brake'];
}

test('a switch is watched closely, a wait now and then, and a host at rest seldom', () => {
  const confirming: HostPhase = { name: 'confirming', target, since: now, revertTo: null, deadline: at('08:10:00') };
  assert.equal(pace(confirming), switchTickMs);
  assert.equal(pace({ name: 'fetching', target, since: now }), waitingTickMs);
  assert.equal(pace({ name: 'pending' }), waitingTickMs);
  assert.equal(pace({ name: 'converged', target, at: now }), restTickMs);
  const newer = pace({ name: 'converged', target, at: now }, { wanted: other });
  assert.equal(newer, waitingTickMs, 'something newer is held back');
});

test('the instant at which time alone changes something is met', () => {
  const confirming = (deadline: Instant): HostPhase => ({
    name: 'confirming',
    target,
    since: now,
    revertTo: null,
    deadline,
  });
  const soaking = (soakUntil: Instant): HostPhase => ({
    name: 'soaking',
    target,
    confirmedAt: now,
    soakUntil,
    revertTo: null,
  });
  assert.equal(pace(confirming(at('08:00:01'))), 1000);
  assert.equal(pace(soaking(at('08:10:00'))), waitingTickMs);
  assert.equal(pace(soaking(at('08:00:03'))), 3000, 'its end is met');
  assert.equal(pace(soaking(at('07:59:00'))), waitingTickMs, 'only a probe can end it now, and its result does');
  const brake = { code: 'outside-window', until: at('08:00:07') } as const;
  assert.equal(pace({ name: 'pending' }, { brake }), 7000, 'the window opens');
  const { state, working } = initialMemory;
  const retry = { rolloutId: target.rolloutId, closure: target.closure, count: 1, notBefore: at('08:00:04') };
  const waiting = { state: { ...state, retry }, working };
  assert.equal(untilNextTickMs(waiting, now), 4000, 'the back-off ends');
  assert.equal(untilNextTickMs(waiting, now, at('08:00:02')), 2000, 'the head expires');
  assert.equal(untilNextTickMs(waiting, now, at('07:59:59')), 4000, 'it has');
});
