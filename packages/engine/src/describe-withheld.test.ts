import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Withheld, WithheldCode } from '@nixfleet/contracts';
import { describeWithheld } from './describe-withheld.ts';
import { at } from './fixtures/host.ts';

const until = at('2026-06-01T18:00:00Z');
const all = { until, names: ['web-1', 'web-2'], have: 1, need: 4, reason: 'because', refusal: 'disk-full' } as const;

/** What each sentence says of everything that can be said; the compiler asks for one for every code. */
const sentences: Readonly<Record<WithheldCode, string>> = {
  hold: 'An approver holds the channel (because)',
  freeze: 'The channel is frozen (because)',
  'outside-window': 'The change window is closed',
  quarantined: 'This closure failed here at this attempt (because): a newer release or a higher attempt lifts it',
  'head-expired': 'The signed head has expired: CI must run `nixfleet head sign`',
  'no-release': 'There is no verified release yet',
  'not-in-rollout': 'No rollout of the current release names this host',
  rebuilding: "The control plane started empty and waits for every host's journal (web-1, web-2)",
  'unheard-after-rebuild': 'Since the control plane started empty, nothing was heard of web-1, web-2',
  halted: 'The rollout is halted: 1 failed, 4 borne (web-1, web-2)',
  'waiting-for-rollout': 'The running rollout web-1, web-2 finishes first',
  'channel-edge': 'The channel web-1, web-2 must converge first (because)',
  wave: 'An earlier wave has 1 of 4 hosts converged; still open: web-1, web-2',
  soak: 'An earlier wave is soaking (1 of 4 converged; web-1, web-2)',
  compliance: 'Controls must pass first (web-1, web-2) (because)',
  'host-edge': 'The host web-1, web-2 must converge first (because)',
  budget: 'The disruption budget web-1, web-2 is used up: 1 of 4 in flight',
  'fetch-limit': 'As many hosts fetch as the channel allows: 1 of 4',
  offline: 'The host is offline',
  observe: 'The channel only observes: it switches nothing',
  'retry-backoff': 'The last switch was not confirmed and was reverted; it is tried again (after try 1)',
  refused: 'The host refused: disk-full (because)',
  'reboot-needed': 'A reboot is needed (because)',
  drift: 'The machine was changed outside NixFleet (because)',
  trial: 'Its target is a trial (because)',
  failed: 'The switch failed (because)',
  'in-progress': 'The switch is under way (because)',
  'local-hold': 'Held on the host itself (web-1, web-2) (because)',
  'clock-unsynchronised': "The host's clock is not synchronised",
  'head-from-the-future': "The signed head is ahead of the host's clock",
  'control-plane-silent': 'The control plane has not answered the host within the last minute',
  'floor-lost': 'The host lost its anti-rollback state and waits for a head younger than two hours',
  'no-go': 'The host waits for its go (because)',
};

it('every reason is one sentence, with its end where it has one', () => {
  for (const code of WithheldCode.options) {
    const told = Withheld.parse({ code, ...all });
    assert.equal(describeWithheld(told), `${sentences[code]}, until ${until}.`, code);
    const { until: _, ...endless } = told;
    assert.equal(describeWithheld(endless), `${sentences[code]}.`, code);
    // Nothing but the code: still a sentence, and nothing of JavaScript in it.
    const bare = describeWithheld({ code });
    assert.match(bare, /^[A-Z].*[^ ]\.$/, code);
    assert.doesNotMatch(bare, /undefined|null|NaN|\(\)/, code);
  }
  assert.equal(
    describeWithheld({ code: 'wave', names: ['web-1'], have: 2, need: 3, reason: 'receipts' }),
    'An earlier wave has 2 of the 3 hosts converged that promoteWhen.receiptsPercent demands; still open: web-1.',
  );
  assert.equal(new Set(Object.values(sentences)).size, WithheldCode.options.length, 'two codes say the same');
});

it('a trial that runs is told as such, and one that waits as the target that it is', () => {
  assert.equal(
    describeWithheld({ code: 'trial', until }),
    `The host tries another closure, and then goes back, until ${until}.`,
  );
  assert.equal(
    describeWithheld({ code: 'trial', reason: 'not begun yet', until }),
    `Its target is a trial (not begun yet), until ${until}.`,
  );
});
