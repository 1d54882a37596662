import { addSeconds, type Go, holdPath, SignerName } from '@nixfleet/contracts';
import { testKey } from '@nixfleet/testkit';
import { cheapCrypto } from './cheap-crypto.ts';
import { Forge } from './forge.ts';
import type { Scene } from './scene.ts';
import { sceneFleet } from './scene-fleet.ts';
import type { ScriptedThief } from './scripted-thief.ts';
import type { Stage } from './stage.ts';

/** What keeps an agent from doing what a stolen control plane would have it do. */
export const thiefScenes = {
  /** It permits what its channel's hold forbids. */
  'let go under a hold': {
    intent: sceneFleet({ waves: [['a']] }),
    play: async (stage) => {
      await stage.ci.hold('main', 3600);
      await stage.minutes(3);
      const thief = stage.steal();
      await stage.release({ a: 'good' });
      await letGo(stage, thief, 'a');
      await stage.calm({ minutes: 70 });
    },
  },
  /** The same, and the hold itself is not there to be read. */
  'let go under a hidden hold': {
    intent: sceneFleet({ waves: [['a']] }),
    play: async (stage) => {
      const thief = stage.steal();
      await stage.ci.hold('main', 3600);
      const [hold] = stage.ci.fleet.headDocument.holds;
      if (hold !== undefined) thief.shown.set(holdPath(hold), null);
      await stage.release({ a: 'good' });
      await letGo(stage, thief, 'a');
      await stage.calm({ minutes: 70 });
    },
  },
  'let go while held on the spot': {
    intent: sceneFleet({ waves: [['a']] }),
    play: async (stage) => {
      const thief = stage.steal();
      stage.host('a').setHold({ until: addSeconds(stage.fleet.now, 86_400), reason: 'maintenance' });
      await stage.minutes(1);
      await stage.release({ a: 'good' });
      await letGo(stage, thief, 'a');
      await stage.calm();
    },
  },
  'let go without a clock': {
    intent: sceneFleet({ waves: [['a']] }),
    play: async (stage) => {
      const thief = stage.steal();
      stage.host('a').setSynchronised(false);
      await stage.minutes(1);
      await stage.release({ a: 'good' });
      await letGo(stage, thief, 'a');
      await stage.calm();
    },
  },
  'let go where it only observes': {
    intent: sceneFleet({ waves: [['a']] }),
    play: async (stage) => {
      const thief = stage.steal();
      await stage.release({ a: 'good' }, (next) => {
        Object.assign(next.channels.main?.policy ?? {}, { mode: 'observe' });
      });
      await letGo(stage, thief, 'a');
    },
  },
  'let go with what failed there': {
    intent: sceneFleet({ waves: [['a']] }),
    play: async (stage) => {
      await stage.release({ a: 'failing' });
      await stage.until('a has gone back', () => stage.phase('a') === 'reverted');
      await letGo(stage, stage.steal(), 'a');
    },
  },
  /** It was let go while it could not, and now could; but nobody has answered it for minutes. */
  'let go, and then silence': {
    intent: sceneFleet({ waves: [['a']] }),
    play: async (stage) => {
      const thief = stage.steal();
      const host = stage.host('a');
      host.setSynchronised(false);
      await stage.minutes(1);
      await stage.release({ a: 'good' });
      await letGo(stage, thief, 'a');
      host.line.isUp = false;
      await stage.minutes(3);
      host.setSynchronised(true);
      await stage.minutes(3);
      await stage.calm();
    },
  },
  /** A head that nobody of the head role signed, beside the signature of the one before. */
  'a forged head': {
    intent: sceneFleet({ waves: [['a']] }),
    play: async (stage) => {
      const thief = stage.steal();
      thief.slip(await new Forge(stage).head(['thief']));
      await stage.minutes(5);
      await stage.calm();
    },
  },
  /** The head key is stolen, which chooses nothing that the release role did not sign. */
  'a forged release': {
    intent: sceneFleet({ waves: [['a']] }),
    play: async (stage) => {
      const thief = stage.steal();
      thief.slip(await new Forge(stage).release({ release: ['thief'], head: ['ci-head'] }, false, () => {}));
      await stage.minutes(5);
    },
  },
  /** One signer of the two that trust demands for a channel. */
  'too few signers for a channel': {
    intent: sceneFleet({ waves: [['a']] }),
    play: async (stage) => {
      await stage.ci.changeTrust((draft) => {
        draft.roles.release.channels = { main: { threshold: 2 } } as never;
      });
      await stage.ci.releaseBy({ signedBy: ['ci', 'ci-spare'] });
      await stage.minutes(5);
      const thief = stage.steal();
      thief.slip(await new Forge(stage).release({ release: ['ci'], head: ['ci-head'] }, false, () => {}));
      await stage.minutes(5);
    },
  },
  /** A trust document of the thief's own. */
  'a forged trust': {
    intent: sceneFleet({ waves: [['a']] }),
    play: async (stage) => {
      const thief = stage.steal();
      const { declared } = await testKey('thief', 'ed25519', cheapCrypto);
      const forged = await new Forge(stage).trust(['thief'], (draft) => {
        Object.assign(draft.signers, { thief: { keys: [declared] } });
        draft.roles.root = { threshold: 1, signers: [SignerName.parse('thief')] };
      });
      thief.slip(forged);
      await stage.minutes(2);
      await stage.ci.signHead();
      await stage.minutes(5);
    },
  },
  /** One whose new root signers have not shown that they can sign. */
  'a trust without its own signers': {
    intent: sceneFleet({ waves: [['a']] }),
    play: async (stage) => {
      const thief = stage.steal();
      const forged = await new Forge(stage).trust(['root-1', 'root-2'], (draft) => {
        draft.roles.root.signers = ['alice', 'bob', 'root-3'].map((name) => SignerName.parse(name));
      });
      thief.slip(forged);
      await stage.minutes(2);
      await stage.ci.signHead();
      await stage.minutes(5);
    },
  },
  /** Trust has withdrawn the key that signed the release, and the newer release is kept back. */
  'a release of a withdrawn key': {
    intent: sceneFleet({ waves: [['a']] }),
    play: async (stage) => {
      stage.host('a').setHold({ until: addSeconds(stage.fleet.now, 86_400), reason: 'maintenance' });
      await stage.minutes(1);
      await stage.release({ a: 'good' });
      await stage.minutes(1);
      const { release } = structuredClone(stage.ci.fleet.headDocument);
      const thief = stage.steal();
      await stage.ci.rotateTrust();
      thief.slip(await new Forge(stage).head(['ci-head'], (draft) => Object.assign(draft, { release })));
      await stage.minutes(2);
      stage.host('a').setHold(null);
      await letGo(stage, thief, 'a');
    },
  },
  /** A fleet in which the thief's key is that of the canary, and a receipt of that canary. */
  'an altered fleet': {
    intent: sceneFleet({ waves: [['a'], ['b']] }),
    play: async (stage) => {
      stage.host('a').line.isUp = false;
      await stage.minutes(1);
      const thief = stage.steal();
      await stage.release({ a: 'good', b: 'good' }, (next) => {
        Object.assign(next.channels.main?.policy ?? {}, { fetchesMax: 7 });
      });
      const forge = new Forge(stage);
      thief.slip(await forge.fleetWithKey('a', 'thief'));
      const receipt = await forge.receipt('a', 'thief');
      thief.permit = (host) => (host === 'b' ? stage.goFor('b', [receipt]) : null);
      await stage.minutes(8);
    },
  },
  /** A rollout that gives the host something else under the same name. */
  'an altered rollout': {
    intent: sceneFleet({ waves: [['a']] }),
    play: async (stage) => {
      const before = await stage.fleet.closures.build('a', 1, 'good');
      const thief = stage.steal();
      await stage.release({ a: 'good' });
      const path = `rollouts/${stage.goFor('a').rolloutId}.json`;
      const now = stage.real('a');
      const changes = [
        [now.closure, before.closure],
        [now.closureDigest, before.closureDigest],
      ] as const;
      thief.slip(new Forge(stage).altered(path, changes));
      await letGo(stage, thief, 'a');
    },
  },
  'receipts that are none': {
    intent: slowFleet(),
    play: async (stage) => {
      const thief = stage.steal();
      await stage.release({ a: 'good', b: 'good' });
      await stage.minutes(1);
      thief.permit = (host) => stage.goFor(host);
      await stage.until('a soaks', () => stage.phase('a') === 'soaking');
      const forge = new Forge(stage);
      const tries: readonly Go['receipts'][] = [
        [],
        [forge.signedBy('a', 'confirmed')],
        [await forge.receipt('a', 'thief')],
      ];
      for (const receipts of tries) {
        thief.permit = (host) => (host === 'b' ? stage.goFor('b', receipts) : null);
        await stage.minutes(3);
      }
    },
  },
  /** The canary has the same closure in both, and has read only the earlier. */
  'a receipt of another rollout': {
    intent: slowFleet(),
    play: async (stage) => {
      const receipt = new Forge(stage).signedBy('a', 'converged');
      stage.host('a').line.isUp = false;
      const thief = stage.steal();
      await stage.release({ b: 'good' });
      thief.permit = (host) => (host === 'b' ? stage.goFor('b', [receipt]) : null);
      await stage.minutes(8);
    },
  },
  /** The head before the newest, which names the same release. */
  'an older head': {
    intent: sceneFleet({ waves: [['a']] }),
    play: async (stage) => {
      const before = new Map(stage.ci.published?.files);
      await stage.minutes(1);
      await stage.ci.signHead();
      await stage.minutes(3);
      stage.steal().show(before);
      await stage.minutes(5);
    },
  },
  /** The head key is stolen: the newest head names an old release. */
  'an older release': {
    intent: sceneFleet({ waves: [['a']] }),
    play: async (stage) => {
      const { release } = structuredClone(stage.ci.fleet.headDocument);
      await stage.release({ a: 'good' });
      await stage.minutes(5);
      const thief = stage.steal();
      thief.slip(await new Forge(stage).head(['ci-head'], (draft) => Object.assign(draft, { release })));
      await stage.minutes(5);
    },
  },
  'two heads of one version': {
    intent: sceneFleet({ waves: [['a']] }),
    play: async (stage) => {
      const thief = stage.steal();
      const forged = await new Forge(stage).head(['ci-head'], (draft) => {
        draft.version--;
      });
      thief.slip(forged);
      await stage.minutes(5);
    },
  },
  'two releases of one version': {
    intent: sceneFleet({ waves: [['a']] }),
    play: async (stage) => {
      const thief = stage.steal();
      const forged = await new Forge(stage).release({ release: ['ci'], head: ['ci-head'] }, true, (draft) => {
        draft.version--;
        draft.source = { ...draft.source, repository: 'https://git.example.org/other.git' };
      });
      thief.slip(forged);
      await stage.minutes(5);
    },
  },
  /** Kept back until it had expired. */
  'an expired head': {
    intent: sceneFleet({ waves: [['a']] }),
    headSeconds: 1200,
    play: async (stage) => {
      const thief = stage.steal();
      thief.show(new Map(stage.ci.published?.files));
      await stage.ci.signHead();
      await stage.minutes(25);
      thief.shown.clear();
      await stage.minutes(5);
    },
  },
  /** A rollout that the newest release names no longer. */
  'let go for a rollout of the past': {
    intent: sceneFleet({ waves: [['a']], policy: { onNewRelease: 'replace' } }),
    play: async (stage) => {
      const thief = stage.steal();
      await stage.release({ a: 'good' });
      const go = stage.goFor('a');
      await stage.minutes(3);
      await stage.release({ a: 'good' });
      await stage.minutes(3);
      thief.permit = () => go;
      await stage.minutes(5);
    },
  },
  /** One that may finish, but not where the newer one was accepted. */
  'let go for the rollout before': {
    intent: sceneFleet({ waves: [['a'], ['b']] }),
    play: async (stage) => {
      const thief = stage.steal();
      await stage.release({ a: 'good', b: 'good' });
      const go = stage.goFor('a');
      await stage.minutes(3);
      await stage.release({ a: 'good', b: 'good' });
      await letGo(stage, thief, 'a');
      thief.permit = (host) => (host === 'a' ? go : null);
      await stage.minutes(5);
    },
  },
  /** The newest release is known, and the rest of it is kept back. */
  'let go under half a release': {
    intent: sceneFleet({ waves: [['a']], policy: { onNewRelease: 'replace' } }),
    play: async (stage) => {
      const thief = stage.steal();
      stage.host('a').setHold({ until: addSeconds(stage.fleet.now, 86_400), reason: 'maintenance' });
      await stage.minutes(1);
      await stage.release({ a: 'good' });
      const go = stage.goFor('a');
      thief.permit = () => go;
      await stage.minutes(2);
      await stage.release({ a: 'good' });
      thief.shown.set(`rollouts/${stage.goFor('a').rolloutId}.json`, null);
      await stage.minutes(2);
      stage.host('a').setHold(null);
      await stage.minutes(5);
    },
  },
  /** The fleet declares another key for this host. */
  'let go though undeclared': {
    intent: sceneFleet({ waves: [['a'], ['b']] }),
    play: async (stage) => {
      const thief = stage.steal();
      const { openssh } = await testKey('a-reinstalled', 'ed25519', cheapCrypto);
      await stage.release({ a: 'good' }, (next) => {
        Object.assign(next.hosts.a ?? {}, { pubkeys: [openssh] });
      });
      await letGo(stage, thief, 'a');
    },
  },
} satisfies Record<string, Scene>;

/** The canary soaks for long. */
function slowFleet() {
  const promoteWhen = { convergedPercent: 100, receiptsPercent: 100 };
  return sceneFleet({
    waves: [['a'], ['b']],
    channel: {
      waves: [
        { hosts: ['a'], soakSeconds: 1200, promoteWhen },
        { hosts: ['b'], soakSeconds: 30, promoteWhen },
      ],
    },
  });
}

/** The newest rollout is permitted, for long enough to fetch and to switch. */
async function letGo(stage: Stage, thief: ScriptedThief, host: string): Promise<void> {
  thief.permit = (name) => (name === host ? stage.goFor(host) : null);
  await stage.minutes(5);
}
