import { addSeconds, type ChannelPolicy } from '@nixfleet/contracts';
import type { Scene } from './scene.ts';
import { sceneFleet } from './scene-fleet.ts';
import type { Stage } from './stage.ts';

const confirm: ChannelPolicy['confirm'] = { by: 'local', timeoutSeconds: 120 };

/** What hosts do that read releases from a mirror while the control plane is gone. */
export const mirrorScenes = {
  /** Wave after wave by the clock, since nobody hands receipts on. */
  'nobody answers, and the time of a wave comes': {
    intent: sceneFleet({ waves: [['a'], ['b']], policy: { withoutControlPlane: 'timed', confirm } }),
    play: async (stage) => {
      stage.fleet.server.kill();
      await releaseTimed(stage, [600, 1800]);
      await stage.minutes(9);
      if (stage.phase('a') !== 'converged' || stage.hasConverged('a')) throw new Error('a did not wait for its time');
      await stage.until('a has converged', () => stage.hasConverged('a'));
      if (stage.hasConverged('b')) throw new Error('b did not wait for its time');
      await stage.until('b has converged', () => stage.hasConverged('b'));
      stage.fleet.server.start();
      await stage.calm();
    },
  },
  'nobody answers, and the mirror has a hold': {
    intent: sceneFleet({ waves: [['a']], policy: { withoutControlPlane: 'timed', confirm } }),
    play: async (stage) => {
      stage.fleet.server.kill();
      await stage.ci.hold('main', 3600);
      await stage.minutes(3);
      await releaseTimed(stage, [300]);
      await stage.minutes(20);
      if (stage.hasConverged('a')) throw new Error('a follows a release, and its channel is held');
      await stage.minutes(45);
      if (!stage.hasConverged('a')) throw new Error('a does not start although the hold has ended');
      stage.fleet.server.start();
      await stage.calm();
    },
  },
  /** The mirror alone permits nothing. */
  'nobody answers, and nothing may start then': {
    intent: sceneFleet({ waves: [['a']], policy: { withoutControlPlane: 'hold', confirm } }),
    play: async (stage) => {
      stage.fleet.server.kill();
      await releaseTimed(stage, [60]);
      await stage.minutes(20);
      if (stage.hasConverged('a')) throw new Error('a starts without having been told');
      stage.fleet.server.start();
      await stage.calm();
    },
  },
} satisfies Record<string, Scene>;

/** A release whose waves may start so many seconds from now, where nobody answers. */
async function releaseTimed(stage: Stage, seconds: readonly number[]): Promise<void> {
  const { now } = stage.fleet;
  const names = [...stage.fleet.hosts.keys()];
  await stage.release(Object.fromEntries(names.map((name) => [name, 'good'])), (next) => {
    for (const [i, wave] of (next.channels.main?.waves ?? []).entries()) {
      wave.notBefore = addSeconds(now, seconds[i] ?? 0);
    }
  });
}
