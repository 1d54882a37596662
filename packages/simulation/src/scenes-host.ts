import { addSeconds, StorePath } from '@nixfleet/contracts';
import { Forge } from './forge.ts';
import type { Scene } from './scene.ts';
import { sceneFleet } from './scene-fleet.ts';
import { stateDirectory } from './simulated-agent.ts';

/** What keeps an agent from harm that no control plane does. */
export const hostScenes = {
  /** A closure that it ran before is released again; somebody has changed it in place, and no cache has it any more. */
  'a closure that was changed in place': {
    intent: sceneFleet({ waves: [['a']] }),
    play: async (stage) => {
      const before = stage.real('a');
      const { machine } = stage.host('a');
      await stage.release({ a: 'good' });
      await stage.until('a has converged', () => stage.hasConverged('a'));
      machine.store.set(StorePath.parse(before.closure), { isModified: true });
      stage.host('a').isCacheReachable = false;
      await stage.release({}, (next) => {
        Object.assign(next.hosts.a ?? {}, { real: before, attempt: 2 });
      });
      await stage.minutes(5);
      stage.host('a').isCacheReachable = true;
      await stage.calm();
    },
  },
  /** What a cache has is not what was signed. */
  'a closure with other contents': {
    intent: sceneFleet({ waves: [['a']] }),
    play: async (stage) => {
      await stage.release({ a: 'poisoned' });
      await stage.minutes(5);
      await stage.release({ a: 'good' });
      await stage.calm();
    },
  },
  'a Nix that takes unsigned paths': {
    intent: sceneFleet({ waves: [['a']] }),
    play: async (stage) => {
      stage.host('a').setNixSafe(false);
      await stage.minutes(1);
      await stage.release({ a: 'good' });
      await stage.minutes(5);
      await stage.calm();
    },
  },
  'somebody reboots it while it activates': {
    intent: sceneFleet({ waves: [['a']] }),
    play: async (stage) => {
      await stage.release({ a: 'good' });
      await stage.until('a activates', () => stage.phase('a') === 'activating');
      stage.host('a').rebootByHand();
      await stage.calm();
    },
  },
  'probes that never pass': {
    intent: sceneFleet({ waves: [['a']] }),
    play: async (stage) => {
      await stage.release({ a: 'sick' });
      await stage.minutes(5);
      await stage.release({ a: 'good' });
      await stage.calm();
    },
  },
  'a release that cuts the network': {
    intent: sceneFleet({ waves: [['a']] }),
    play: async (stage) => {
      await stage.release({ a: 'mute' });
      await stage.minutes(6);
      await stage.release({ a: 'good' });
      await stage.calm();
    },
  },
  /** Its anti-rollback state is gone, and so are its documents; the control plane shows a state of hours ago. */
  'floors that are lost': {
    intent: sceneFleet({ waves: [['a']] }),
    play: async (stage) => {
      const before = new Map(stage.ci.published?.files);
      await stage.minutes(180);
      await stage.release({ a: 'good' });
      await stage.until('a has converged', () => stage.hasConverged('a'));
      stage.steal().show(before);
      const { disk } = stage.host('a').machine;
      stage.host('a').crash();
      disk.remove(`${stateDirectory}/floors.json`);
      disk.remove(`${stateDirectory}/documents`);
      await stage.minutes(5);
      await stage.ci.signHead();
      await stage.calm();
    },
  },
  /** It is there and cannot be read: an attacker could make that happen. */
  'floors that cannot be read': {
    intent: sceneFleet({ waves: [['a']] }),
    play: async (stage) => {
      stage.host('a').crash();
      stage.spoilFloors('a');
      await stage.minutes(1);
      await stage.ci.signHead();
      await stage.release({ a: 'good' });
      await stage.minutes(10);
    },
  },
  /** The clock of whoever signs heads is hours fast. */
  'a head of tomorrow': {
    intent: sceneFleet({ waves: [['a']] }),
    play: async (stage) => {
      await stage.release({ a: 'good' }, (next) => {
        const from = stage.fleet.now;
        next.channels.main?.freezes.push({ from, to: addSeconds(from, 300), reason: 'until the head is there' });
      });
      await stage.ci.signHead((draft) => {
        draft.signedAt = addSeconds(draft.signedAt, 6 * 3600);
        draft.expiresAt = addSeconds(draft.expiresAt, 6 * 3600);
      });
      await stage.minutes(15);
      await stage.minutes(6 * 60);
      await stage.calm();
    },
  },
  /** It comes after the host has read what it is let go for. */
  'let go beside a head of tomorrow': {
    intent: sceneFleet({ waves: [['a']] }),
    play: async (stage) => {
      const thief = stage.steal();
      await stage.release({ a: 'good' });
      await stage.minutes(2);
      const files = await new Forge(stage).head(['ci-head'], (draft) => {
        draft.signedAt = addSeconds(draft.signedAt, 6 * 3600);
        draft.expiresAt = addSeconds(draft.expiresAt, 6 * 3600);
      });
      thief.slip(files);
      await stage.minutes(1);
      thief.permit = () => stage.goFor('a');
      await stage.minutes(5);
    },
  },
} satisfies Record<string, Scene>;
