import assert from 'node:assert/strict';
import type { Scenario } from '../harness/scenario.ts';
import type { Stage } from '../harness/stage.ts';

const never = { kind: 'exec', command: ['/bin/false'], intervalSeconds: 1, failureThreshold: 1 };

/** Silence is tried again, but not while the test looks. */
function retryLater(stage: Stage): Parameters<Stage['release']>[1] {
  return (next) => {
    stage.channel(next).policy.unconfirmedRetrySeconds = 300;
    stage.channel(next).policy.unconfirmedRetryMaxSeconds = 300;
  };
}

/** Nobody is told: new connections to the control plane are dropped, those that stand go on. */
const rejectsNew = `table inet filter {
  chain output {
    type filter hook output priority 0;
    ct state established accept
    ip daddr 10.99.0.2 tcp flags & (syn | ack) == syn drop
  }
}
`;

async function silent(stage: Stage): Promise<void> {
  await stage.release('next', retryLater(stage));
  const { body } = await stage.until('unconfirmed');
  assert.equal(body.target.closure, stage.closure('next').closure);
  await stage.until('reverted');
  await stage.endsOn(stage.before);
  assert.ok(!stage.kinds.includes('failed'), 'an outage is no failure');
}

/** Releases that take themselves back. */
export const undone: readonly Scenario[] = [
  {
    name: 'the new generation cuts the network',
    seconds: 90,
    systems: { next: { address: '10.98.0.99' } },
    run: silent,
  },
  {
    name: 'a firewall of the new generation drops new connections and keeps those that stand',
    seconds: 90,
    systems: { next: { firewall: rejectsNew } },
    run: silent,
  },
  {
    name: 'a probe fails at first',
    seconds: 75,
    systems: { next: { healthChecks: { never } } },
    async run(stage) {
      await stage.release('next');
      const { body } = await stage.until('failed');
      assert.deepEqual([body.cause, body.check], ['probe-failed', 'never']);
      await stage.until('reverted');
      await stage.endsOn(stage.before);
      assert.equal(stage.state.quarantine.at(-1)?.closure, stage.closure('next').closure);
    },
  },
  {
    name: 'a probe fails during the soak',
    seconds: 75,
    systems: { next: {} },
    async run(stage) {
      await stage.release('next', (next) => {
        for (const wave of stage.channel(next).waves) wave.soakSeconds = 120;
      });
      await stage.until('confirmed');
      stage.begin();
      stage.machine.write('/run/sick', '');
      const { body } = await stage.until('failed');
      assert.deepEqual([body.cause, body.check], ['probe-failed', 'marker']);
      await stage.until('reverted');
      await stage.endsOn(stage.before);
      assert.ok(!stage.kinds.includes('converged'));
    },
  },
];
