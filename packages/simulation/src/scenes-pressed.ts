import type { Scene } from './scene.ts';
import { sceneFleet } from './scene-fleet.ts';

/** Somebody else answers, and lets a host go again and again, whatever has come of it. */
export const pressedScenes = {
  'let go again after silence': {
    intent: sceneFleet({
      waves: [['a']],
      policy: { unconfirmedRetrySeconds: 7200, unconfirmedRetryMaxSeconds: 7200 },
    }),
    play: async (stage) => {
      await stage.release({ a: 'mute' });
      await stage.until('a has gone back', () => ['reverted', 'unconfirmed'].includes(stage.phase('a')));
      stage.steal().permit = (name) => stage.goFor(name);
      await stage.minutes(20);
      await stage.release({ a: 'good' });
      await stage.calm();
    },
  },
  'let go again after a refusal': {
    intent: sceneFleet({ waves: [['a']] }),
    play: async (stage) => {
      stage.steal().permit = (name) => stage.goFor(name);
      await stage.release({ a: 'poisoned' });
      await stage.minutes(10);
      await stage.release({ a: 'good' });
      await stage.calm();
    },
  },
} satisfies Record<string, Scene>;
