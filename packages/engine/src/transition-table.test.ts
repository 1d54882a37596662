import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import type { HostPhaseName } from '@nixfleet/contracts';
import {
  answers,
  at,
  awaitedId,
  boot,
  http,
  intentOf,
  memoryIn,
  muchLater,
  noon,
  oldClosure,
  otherClosure,
  output,
  phases,
  target,
  targetOf,
} from './fixtures/host.ts';
import { table } from './fixtures/transition-table.ts';
import type { HostInput } from './host-input.ts';
import { step } from './host-machine.ts';

const id = awaitedId;

/** For every type the input that most often moves the machine; the SPEC says what it is. */
const inputs: { readonly [Type in HostInput['type']]: (phase: HostPhaseName) => Extract<HostInput, { type: Type }> } = {
  started: (phase) => ({
    type: 'started',
    running: memoryIn(phase).state.running,
    bootId: boot,
    agentVersion: '1',
    deadMan: phase === 'activating' || phase === 'confirming' ? { kind: 'armed', to: oldClosure } : { kind: 'absent' },
    activation: { kind: 'ok', running: target.closure, output },
    wasBootOrdered: true,
  }),
  intent: () => ({ type: 'intent', intent: intentOf(targetOf(3)) }),
  fetched: () => ({ type: 'fetched', id }),
  'fetch-refused': () => ({ type: 'fetch-refused', id, reason: 'closure-digest-mismatch', detail: 'other' }),
  rechecked: () => ({ type: 'rechecked', id, intent: intentOf(target) }),
  armed: () => ({ type: 'armed', id, deadline: at('2026-06-01T12:07:00Z') }),
  'arm-refused': () => ({ type: 'arm-refused', id, detail: 'no timer' }),
  activated: () => ({ type: 'activated', id, outcome: { kind: 'ok', running: target.closure, output } }),
  'reboot-refused': () => ({ type: 'reboot-refused', id, detail: 'no loader' }),
  'checks-known': () => ({ type: 'checks-known', id, enforced: [] }),
  probe: () => ({ type: 'probe', id, check: http, status: 'fail', mode: 'enforce', failureThreshold: 1 }),
  accepted: () => ({ type: 'accepted', id }),
  committed: () => ({ type: 'committed', id }),
  'commit-lost': () => ({ type: 'commit-lost', id }),
  'commit-failed': () => ({ type: 'commit-failed', id, detail: 'read back something else' }),
  'dead-man': () => ({ type: 'dead-man', report: { kind: 'fired', to: oldClosure, ok: true } }),
  reverted: () => ({ type: 'reverted', id, running: oldClosure, by: 'agent' }),
  observed: () => ({ type: 'observed', running: otherClosure }),
  tick: () => ({ type: 'tick' }),
};

const phaseNames = Object.keys(phases) as HostPhaseName[];
const inputTypes = Object.keys(inputs) as HostInput['type'][];

/** `phase: events / effects`, and `·` where nothing happens. */
function cellOf(phase: HostPhaseName, type: HostInput['type']): string {
  const [awaited] = answers[type];
  const busy = awaited ? { type: awaited, id } : null;
  const isTick = type === 'tick';
  const before = memoryIn(phase, { busy, enforced: isTick ? [] : null });
  const { memory, events, effects } = step(before, inputs[type](phase), { now: isTick ? muchLater : noon });
  if (memory.state.phase === before.state.phase && events.length === 0 && effects.length === 0) return '·';
  const kinds = events.map(({ kind }) => kind).join(' ') || '–';
  return `${memory.state.phase.name}: ${kinds} / ${effects.map((effect) => effect.type).join(' ') || '–'}`;
}

describe('transition table (H2)', () => {
  for (const phase of phaseNames) {
    it(`${phase}: every input`, () => {
      const actual = Object.fromEntries(inputTypes.map((type) => [type, cellOf(phase, type)]));
      assert.deepEqual(actual, table[phase]);
    });
  }

  it('is the table of SPEC.md', () => {
    const spec = readFileSync(new URL('../SPEC.md', import.meta.url), 'utf8');
    const lines = spec.split('\n').filter((line) => line.startsWith('| `'));
    const written = new Map<string, string>();
    for (const line of lines) {
      const [phase, type, cell] = line
        .split('|')
        .slice(1, -1)
        .map((text) => text.trim().replaceAll('`', ''));
      if (phase !== undefined && type !== undefined && cell !== undefined) written.set(`${phase} ${type}`, cell);
    }
    for (const phase of phaseNames) {
      for (const type of inputTypes)
        assert.equal(written.get(`${phase} ${type}`) ?? '·', table[phase][type], `${phase} × ${type}`);
    }
    for (const key of written.keys()) {
      const [phase, type] = key.split(' ');
      assert.ok(phaseNames.some((name) => name === phase) && inputTypes.some((name) => name === type), key);
    }
  });
});
