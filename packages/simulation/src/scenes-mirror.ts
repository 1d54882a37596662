import { addSeconds, type ChannelPolicy } from '@nixfleet/contracts';
import { Forge } from './forge.ts';
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
  /** For good: what may be read there runs out. */
  'nobody answers, and the mirror stays as it was': {
    intent: timedFleet(),
    headSeconds: 1200,
    play: async (stage) => {
      const stays = staying(stage);
      stage.fleet.server.kill();
      await releaseTimed(stage, [1500]);
      stage.mirrors(published(stage));
      await stage.minutes(10);
      await releaseTimed(stage, [300]);
      await stage.minutes(30);
      stays.check('a starts under a head that has expired');
      await stage.ci.signHead();
      stage.fleet.server.start();
      await stage.calm();
    },
  },
  /** The newest head and release, and of the rest what an earlier release had. */
  'nobody answers, and the mirror mixes two releases': {
    intent: timedFleet({ onNewRelease: 'replace' }),
    play: async (stage) => {
      const stays = staying(stage);
      stage.fleet.server.kill();
      await releaseTimed(stage, [300]);
      await stage.minutes(2);
      const before = published(stage);
      const { rolloutId } = stage.goFor('a');
      await releaseTimed(stage, [300]);
      const newest = [...published(stage)].filter(([path]) => /^(head|release)[./]/.test(path));
      const mixed = new Map([...before, ...newest]);
      stage.mirrors(mixed);
      await stage.minutes(10);
      const own = mixed.get(`rollouts/${rolloutId}.json`) ?? new Uint8Array();
      stage.mirrors(new Map([...published(stage), [`rollouts/${stage.goFor('a').rolloutId}.json`, own]]));
      await stage.minutes(10);
      // All of it as it was, and withdrawn since.
      stage.mirrors(before);
      await stage.minutes(10);
      stays.check('a starts what no release gives it');
      await end(stage);
    },
  },
  /** The file of a hold that the head names, and then that head. */
  'nobody answers, and the mirror hides a hold': {
    intent: timedFleet(),
    play: async (stage) => {
      const stays = staying(stage);
      stage.fleet.server.kill();
      await releaseTimed(stage, [600]);
      await stage.minutes(2);
      const before = published(stage);
      await stage.ci.hold('main', 3600);
      stage.mirrors(new Map([...published(stage)].filter(([path]) => !path.startsWith('holds/'))));
      await stage.minutes(20);
      stage.mirrors(before);
      await stage.minutes(10);
      stays.check('a follows a release, and its channel is held');
      await stage.minutes(40);
      await end(stage);
    },
  },
  /** A head that holds for longer, and a rollout that gives the host something else. */
  'nobody answers, and the mirror alters what it has': {
    intent: timedFleet(),
    play: async (stage) => {
      const before = await stage.fleet.closures.build('a', 1, 'good');
      const stays = staying(stage);
      stage.fleet.server.kill();
      stage.mirrors(published(stage));
      await releaseTimed(stage, [120]);
      const forge = new Forge(stage);
      const { expiresAt } = stage.ci.fleet.headDocument;
      const head = forge.altered('head.json', [[expiresAt, addSeconds(expiresAt, 3600)]]);
      stage.mirrors(new Map([...published(stage), ...head]));
      await stage.minutes(10);
      const now = stage.real('a');
      const rollout = forge.altered(`rollouts/${stage.goFor('a').rolloutId}.json`, [
        [now.closure, before.closure],
        [now.closureDigest, before.closureDigest],
      ]);
      stage.mirrors(new Map([...published(stage), ...rollout]));
      await stage.minutes(10);
      stays.check('a starts what nobody signed');
      await end(stage);
    },
  },
} satisfies Record<string, Scene>;

function timedFleet(policy: Partial<ChannelPolicy> = {}) {
  return sceneFleet({ waves: [['a']], policy: { withoutControlPlane: 'timed', confirm, ...policy } });
}

function published(stage: Stage): ReadonlyMap<string, Uint8Array> {
  return stage.ci.published?.files ?? new Map();
}

/** What the host runs now it goes on running. */
function staying(stage: Stage): { readonly check: (what: string) => void } {
  const { running } = stage.host('a').machine;
  return {
    check: (what) => {
      if (stage.phase('a') !== 'converged' || stage.host('a').machine.running !== running) throw new Error(what);
    },
  };
}

/** The mirror is what it should be, which is enough; and then everything is well again. */
async function end(stage: Stage): Promise<void> {
  stage.mirrors(null);
  await stage.until('a has converged', () => stage.hasConverged('a'));
  stage.fleet.server.start();
  await stage.calm();
}

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
