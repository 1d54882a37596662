import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HostPhase, HostTarget, Instant } from '@nixfleet/contracts';
import { type Intent, initialMemory } from '@nixfleet/engine';
import { busyTickMs, restTickMs, untilNextTickMs, waitingTickMs } from './tick-pace.ts';

const now = '2026-06-01T08:00:00Z' as Instant;
const target = { rolloutId: 'a'.repeat(64) } as HostTarget;
const other = { rolloutId: 'b'.repeat(64) } as HostTarget;

function pace(phase: HostPhase, wanted: HostTarget | null = target): number {
  const { state, working } = initialMemory;
  const intent = wanted && ({ target: wanted } as Intent);
  return untilNextTickMs({ state: { ...state, phase }, working: { ...working, intent } }, now);
}

test('a switch is watched closely, a wait now and then, and a host at rest seldom', () => {
  const soaking = (soakUntil: string): HostPhase => ({
    name: 'soaking',
    target,
    confirmedAt: now,
    soakUntil: soakUntil as Instant,
    revertTo: null,
  });
  assert.equal(pace({ name: 'fetching', target, since: now }), busyTickMs);
  assert.equal(pace({ name: 'pending' }), waitingTickMs);
  assert.equal(pace({ name: 'converged', target, at: now }), restTickMs);
  assert.equal(pace({ name: 'converged', target, at: now }, other), waitingTickMs, 'something newer is held back');
  assert.equal(pace(soaking('2026-06-01T08:10:00Z')), waitingTickMs);
  assert.equal(pace(soaking('2026-06-01T08:00:02Z')), 2000, 'its end is met');
  assert.equal(pace(soaking('2026-06-01T07:59:00Z')), busyTickMs, 'a probe keeps it open');
});
