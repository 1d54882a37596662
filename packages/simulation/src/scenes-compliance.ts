import type { ChannelPolicy } from '@nixfleet/contracts';
import type { Conduct } from './conduct.ts';
import type { Scene } from './scene.ts';
import { sceneFleet } from './scene-fleet.ts';
import type { Stage } from './stage.ts';

type Compliance = ChannelPolicy['compliance'];
const enforce = (onDrift?: Compliance['onDrift']): Compliance => ({
  mode: 'enforce',
  frameworks: [],
  ...(onDrift === undefined ? {} : { onDrift }),
});

/** A release whose controls do like this on its only host, under `enforce`; then one that is well. */
function unproven(conduct: Conduct): Scene {
  return {
    intent: sceneFleet({ waves: [['a']], policy: { compliance: enforce() } }),
    play: async (stage) => {
      const before = stage.host('a').machine.running;
      await stage.releaseMeasured({ a: conduct });
      await stage.until('it has gone back', () => stage.phase('a') === 'reverted');
      if (stage.host('a').machine.running !== before) throw new Error('a does not run what it ran before');
      await stage.minutes(5);
      await stage.releaseMeasured({ a: 'passing' });
      await stage.calm();
    },
  };
}

/** The same with a waiver in alice's name. */
function waived(conduct: 'waived' | 'failing', signedBy: string): Scene {
  return {
    intent: sceneFleet({ waves: [['a']], policy: { compliance: enforce() } }),
    play: async (stage) => {
      const waiverRegister = await stage.waiverFor('a', signedBy);
      await stage.releaseMeasured({ a: conduct }, (next) => {
        if (waiverRegister) next.waiverRegister = waiverRegister;
      });
      const isOver = () => (conduct === 'waived' ? stage.hasConverged('a') : stage.phase('a') === 'reverted');
      await stage.until('it has come to its end', isOver);
      await stage.releaseMeasured({ a: 'passing' }, (next) => {
        delete next.waiverRegister;
      });
      await stage.calm();
    },
  };
}

/** What compliance keeps from being confirmed, from being promoted, and from starting. */
export const complianceScenes = {
  'a control fails': unproven('failing'),
  'a control cannot be measured': unproven('erring'),
  'the collector fails': unproven('broken'),
  'the collector does not end': unproven('late'),
  'evidence that is cut off': unproven('malformed'),
  'evidence of before the switch': unproven('stale'),
  'evidence without a signature': unproven('unsigned'),
  'evidence by another key': unproven('forged'),
  'evidence of another closure': unproven('elsewhere'),
  'evidence of another boot': unproven('of-another-boot'),
  'no collector at all': {
    intent: sceneFleet({ waves: [['a']], policy: { compliance: enforce() } }),
    play: async (stage) => {
      stage.host('a').hasCollector = false;
      stage.host('a').crash();
      await stage.minutes(1);
      await stage.releaseMeasured({ a: 'passing' });
      // What it ran has lost its pass with the collector, which `report` lets be.
      await stage.until('it has gone back', () => stage.phase('a') === 'reverted');
      stage.host('a').hasCollector = true;
      stage.host('a').crash();
      await stage.minutes(5);
      await stage.releaseMeasured({ a: 'passing' });
      await stage.calm();
    },
  },
  'a control fails, and is waived': waived('waived', 'alice'),
  'a waiver in the name of somebody else': waived('failing', 'bob'),
  /** Told, and let be. */
  'a control fails where nothing is enforced': {
    intent: sceneFleet({ waves: [['a'], ['b']], policy: { compliance: { mode: 'permissive', frameworks: [] } } }),
    play: async (stage) => {
      await stage.releaseMeasured({ a: 'failing', b: 'broken' });
      await stage.until('both have converged', () => ['a', 'b'].every((name) => stage.hasConverged(name)));
      await stage.calm();
    },
  },
  /** Failures are borne, and half a wave is enough: what holds the second wave is the control that failed in the first. */
  'controls of an earlier wave fail': {
    intent: sceneFleet({
      waves: [['a', 'b'], ['c']],
      policy: { compliance: enforce(), maxFailures: { count: 2 } },
      promoteWhen: { convergedPercent: 50, receiptsPercent: 50 },
    }),
    play: async (stage) => {
      await stage.releaseMeasured({ a: 'failing', b: 'passing', c: 'passing' });
      await stage.until('b has converged', () => stage.hasConverged('b'));
      await stage.minutes(15);
      await stage.releaseMeasured({ a: 'passing', b: 'passing', c: 'passing' });
      await stage.calm();
    },
  },
  /** The second wave is away until controls of the first do not pass any more. */
  'controls of an earlier wave pass no more': {
    intent: sceneFleet({ waves: [['a'], ['b']], policy: { compliance: enforce() } }),
    play: async (stage) => {
      stage.host('b').line.isUp = false;
      await stage.releaseMeasured({ a: 'lapsing', b: 'passing' });
      await lapsed(stage);
      stage.host('b').line.isUp = true;
      await stage.minutes(15);
      await stage.releaseMeasured({ a: 'passing', b: 'passing' });
      await stage.calm();
    },
  },
  /** Nothing starts there by policy, until a person has seen to it. */
  'controls pass no more, and hold': {
    intent: sceneFleet({ waves: [['a']], policy: { compliance: enforce('hold') } }),
    play: async (stage) => {
      await stage.releaseMeasured({ a: 'lapsing' });
      await lapsed(stage);
      await stage.releaseMeasured({ a: 'passing' });
      await stage.minutes(15);
      if (stage.hasConverged('a')) throw new Error('a follows a release, and is to hold');
      await stage.ci.release(
        [],
        () => 'good',
        (next) => {
          const compliance = next.channels.main?.policy.compliance;
          if (compliance) compliance.onDrift = 'report';
        },
      );
      stage.hint();
      await stage.calm();
    },
  },
  /** Once: from its activation on it needs a pass, and has failed without one. */
  'controls pass no more, and the closure is switched to again': {
    intent: sceneFleet({ waves: [['a'], ['b']], policy: { compliance: enforce('reactivate') } }),
    play: async (stage) => {
      await stage.releaseMeasured({ a: 'lapsing' });
      await lapsed(stage);
      await stage.minutes(20);
      await stage.releaseMeasured({ a: 'passing', b: 'passing' });
      await stage.calm({ minutes: 40 });
    },
  },
} satisfies Record<string, Scene>;

async function lapsed(stage: Stage): Promise<void> {
  await stage.until('a has converged', () => stage.hasConverged('a'));
  const failing = () => (stage.host('a').agent.running?.loop.memory.state.compliance?.failing ?? []).length > 0;
  await stage.until('its controls pass no more', failing, 60);
}
