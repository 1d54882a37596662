import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Instant, RolloutView } from '@nixfleet/contracts';
import { noPaint } from './paint.ts';
import { rolloutPage } from './rollout-page.ts';

const now = '2026-06-01T12:00:00Z';
const until = '2026-06-01T14:00:00Z';
const state = (name: string, wave: number, phase: string, withheld: object[] = []) => ({
  ...{ name, wave, phase, converged: phase === 'converged', withheld },
});
const view = RolloutView.parse({
  ...{ rolloutId: 'ab'.repeat(32), channel: 'stable', displayName: 'stable@3f2a1bc0', introducedIn: 7 },
  ...{ state: 'active', wave: 1, waves: 3, hosts: 5, converged: 1, failed: 1, leftBehind: ['web-3'] },
  withheld: [{ code: 'freeze', until, reason: 'audit\u001b[31m week' }],
  hostStates: [
    state('canary', 0, 'converged'),
    state('web-2', 0, 'fetching', [{ code: 'in-progress' }]),
    state('web-3', 0, 'pending', [{ code: 'offline' }]),
    state('web-4', 0, 'reverted', [{ code: 'failed', reason: 'probe-failed' }]),
    state('db', 2, 'pending', [
      { code: 'wave', names: ['web-2'], have: 1, need: 2 },
      { code: 'hold', until, reason: 'incident' },
    ]),
  ],
});
const page = (change: Partial<RolloutView> = {}): string =>
  rolloutPage({ ...view, ...change }, Instant.parse(now), {
    paint: noPaint,
    columns: null,
  }).join('\n');

test('who is missing and who is caught up, by name', () => {
  assert.match(page(), /^offline +web-3$/m);
  assert.match(page(), /^left behind +web-3: its wave went on, and it is caught up when it returns$/m);
  assert.match(page(), /^catching up +web-2$/m);
  assert.doesNotMatch(page({ leftBehind: [], hostStates: [] }), /offline|left behind|catching up/);
});

test('who was caught up is named in the result', () => {
  const done = (name: string, wave: number, convergedAt: string) => ({
    ...state(name, wave, 'converged'),
    convergedAt,
  });
  const hostStates = [
    done('canary', 0, '2026-06-01T08:00:00Z'),
    done('web-3', 0, '2026-06-01T10:00:00Z'),
    done('web-1', 1, '2026-06-01T09:00:00Z'),
    done('db', 1, '2026-06-01T11:00:00Z'),
  ];
  const change = { state: 'converged', leftBehind: [], hostStates } as unknown as Partial<RolloutView>;
  assert.match(page(change), /^caught up +web-3: its wave had gone on without it$/m);
  assert.doesNotMatch(page(), /caught up +web/);
});

test('each reason is a sentence with its end, and text of strangers is made printable', () => {
  assert.match(
    page(),
    /^withheld +The channel is frozen \(audit\[31m week\), until 2026-06-01T14:00:00Z\. \(in 2 h\)$/m,
  );
  const why =
    'An earlier wave has 1 of 2 hosts converged; still open: web-2. An approver holds the channel \\(incident\\)';
  assert.match(page(), new RegExp(`^2 +db +pending +${why}, until ${until}\\. \\(in 2 h\\)$`, 'm'));
});

test('what each state means, a halt above all', () => {
  assert.match(page(), /^state +active\. It is under way\.$/m);
  assert.match(page({ state: 'halted' }), /^state +halted\. Nothing more starts on the channel: a newer release/m);
  const meant = RolloutView.shape.state.options.map((name) => /^state +(.*)$/m.exec(page({ state: name }))?.[1]);
  assert.equal(new Set(meant).size, RolloutView.shape.state.options.length);
});
