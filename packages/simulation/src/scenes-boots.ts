import type { TestIntent } from '@nixfleet/testkit';
import type { Scene } from './scene.ts';
import { sceneFleet } from './scene-fleet.ts';
import type { Stage } from './stage.ts';

/** Machines that boot, and hosts that try something for a while. */
export const bootScenes = {
  /** A kernel waits for a boot, and policy says that nobody boots. */
  'a new kernel where nobody boots': {
    intent: sceneFleet({ waves: [['a']] }),
    play: async (stage) => {
      await stage.release({ a: 'kernel' });
      await stage.minutes(10);
      await stage.release({ a: 'good' });
      await stage.calm();
    },
  },
  'a new kernel': {
    intent: sceneFleet({ waves: [['a', 'b']], budget: 1 }),
    play: async (stage) => {
      await stage.release({ a: 'kernel', b: 'kernel' });
      await stage.minutes(10);
      await stage.release({}, (next) => {
        Object.assign(next.channels.main?.policy ?? {}, { reboot: 'immediate' });
      });
      await stage.calm({ minutes: 40 });
      if (['a', 'b'].some((name) => stage.host(name).machine.rebootPending !== null))
        throw new Error('nobody has booted');
    },
  },
  /** It takes no slot from the others. */
  'what needs a boot where nobody boots': {
    intent: sceneFleet({ waves: [['a', 'b']], budget: 1 }),
    play: async (stage) => {
      stage.host('b').line.isUp = false;
      await stage.minutes(5);
      await stage.release({ a: 'inhibited', b: 'good' });
      await stage.until('a needs a boot', () => stage.phase('a') === 'deferred');
      await stage.calm({ except: ['a'], minutes: 10 });
      await stage.release({ a: 'good' });
      await stage.calm();
    },
  },
  'let boot where nobody boots': {
    intent: sceneFleet({ waves: [['a']] }),
    play: async (stage) => {
      await stage.release({ a: 'kernel' });
      await stage.until('a has converged', () => stage.hasConverged('a'));
      await stage.minutes(3);
      stage.steal().permit = () => ({ ...stage.goFor('a'), reboot: true });
      await stage.minutes(5);
    },
  },
  'what only a boot can switch to': {
    intent: sceneFleet({ waves: [['a'], ['b']], policy: { reboot: 'immediate' } }),
    play: async (stage) => {
      await stage.release({ a: 'inhibited', b: 'inhibited' });
      await stage.calm({ minutes: 40 });
    },
  },
  'a boot that falls back': {
    intent: sceneFleet({ waves: [['a', 'b']], policy: { reboot: 'immediate' }, budget: 1 }),
    play: async (stage) => {
      await stage.release({ a: 'unbootable', b: 'unbootable' });
      await stage.minutes(20);
      await stage.release({ a: 'good', b: 'good' });
      await stage.calm();
    },
  },
  'everybody boots once more': {
    intent: sceneFleet({ waves: [['a'], ['b']], budget: 1 }),
    play: async (stage) => {
      const boots = (name: string) => stage.host(name).machine.bootId;
      const before = ['a', 'b'].map(boots);
      await stage.release({}, (next) => raise(next));
      await stage.calm({ minutes: 40 });
      if (['a', 'b'].some((name, i) => boots(name) === before[i])) throw new Error('not everybody has booted');
    },
  },
  'a trial to its end': {
    intent: sceneFleet({ waves: [['a'], ['b']] }),
    play: async (stage) => {
      await tryOut(stage, 'good', 900);
      await stage.until('a tries', () => stage.phase('a') === 'trying');
      await stage.minutes(25);
      await stage.calm({ minutes: 5 });
    },
  },
  /** The agent is dead and the network cut: the dead man's switch ends it. */
  'a trial of which nobody knows': {
    intent: sceneFleet({ waves: [['a'], ['b']] }),
    play: async (stage) => {
      await tryOut(stage, 'good', 900);
      await stage.until('a tries', () => stage.phase('a') === 'trying');
      stage.host('a').line.isUp = false;
      stage.host('a').agent.kill();
      await stage.minutes(25);
      stage.host('a').start();
      await stage.calm();
    },
  },
  /** A newer release goes past it. */
  'a trial that is taken back': {
    intent: sceneFleet({ waves: [['a'], ['b']] }),
    play: async (stage) => {
      await tryOut(stage, 'good', 3600);
      await stage.until('a tries', () => stage.phase('a') === 'trying');
      await stage.ci.tryOut('a', 'good', null);
      stage.hint();
      await stage.calm({ minutes: 10 });
    },
  },
  'a trial under a hold': {
    intent: sceneFleet({ waves: [['a']] }),
    play: async (stage) => {
      await stage.ci.hold('main', 1800);
      stage.host('a').line.isUp = false;
      await stage.minutes(5);
      await tryOut(stage, 'good', 3600);
      await stage.minutes(1);
      stage.host('a').line.isUp = true;
      await stage.minutes(10);
      await stage.ci.tryOut('a', 'good', null);
      await stage.calm({ minutes: 40 });
    },
  },
  /** It is not tried once more while its time lasts. */
  'a trial that fails': {
    intent: sceneFleet({ waves: [['a'], ['b']] }),
    play: async (stage) => {
      await tryOut(stage, 'failing', 3600);
      await stage.minutes(15);
      await stage.ci.tryOut('a', 'good', null);
      await stage.calm();
    },
  },
} satisfies Record<string, Scene>;

async function tryOut(stage: Stage, behaviour: 'good' | 'failing', seconds: number): Promise<void> {
  await stage.ci.tryOut('a', behaviour, seconds);
  stage.hint();
}

function raise(next: TestIntent): void {
  const policy = next.channels.main?.policy;
  if (policy) policy.reboots = (policy.reboots ?? 0) + 1;
}
