import type { Scene } from './scene.ts';
import { sceneFleet } from './scene-fleet.ts';

const hosts = ['a', 'b', 'c', 'd', 'e', 'f'];
/** So bad that questions, answers and events overtake one another by seconds. */
const badLine = { loss: 0.05, latencyMsMax: 6000 };
/** What is to be noticed here takes a chance that comes once in so many releases. */
const releases = 16;

export const lineScenes = {
  /** One may fetch at a time, and now and then one gives his place up because nobody answers when he asks for the last time. */
  'answers that are lost': {
    intent: sceneFleet({ waves: [hosts], policy: { fetchesMax: 1 } }),
    play: async (stage) => {
      for (let i = 0; i < releases; i++) {
        for (const name of hosts) Object.assign(stage.host(name).line, badLine);
        await stage.release(Object.fromEntries(hosts.map((name) => [name, 'good'])));
        await stage.minutes(8);
        for (const name of hosts) stage.host(name).heal();
        await stage.minutes(6);
      }
      await stage.calm();
    },
  },
} satisfies Record<string, Scene>;
