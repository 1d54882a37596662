import { addSeconds } from '@nixfleet/contracts';
import type { TestIntent } from '@nixfleet/testkit';
import type { Scene } from './scene.ts';
import { sceneFleet } from './scene-fleet.ts';
import type { Stage } from './stage.ts';

/** What keeps an honest control plane from telling a host to start. */
export const gateScenes = {
  /** One after the other, and whoever is first fails: the others wait for good. */
  halted: {
    intent: sceneFleet({ waves: [['a', 'b']], budget: 1 }),
    play: async (stage) => {
      await stage.release({ a: 'failing', b: 'failing' });
      await stage.until('one has gone back', () => [stage.phase('a'), stage.phase('b')].includes('reverted'));
      await stage.minutes(10);
      await stage.release({ a: 'good', b: 'good' });
      await stage.calm();
    },
  },
  /** Nobody signs heads any more; then a host comes back and finds a release. */
  'head expired': {
    intent: sceneFleet({ waves: [['a'], ['b']] }),
    headSeconds: 1200,
    play: async (stage) => {
      stage.host('b').line.isUp = false;
      await stage.release({ a: 'good', b: 'good' });
      await stage.minutes(25);
      stage.host('b').line.isUp = true;
      await stage.minutes(10);
      await stage.ci.signHead();
      await stage.calm();
    },
  },
  held: {
    intent: sceneFleet({ waves: [['a']] }),
    play: async (stage) => {
      await stage.ci.hold('main', 1200);
      await readByAll(stage);
      await stage.release({ a: 'good' });
      await stage.minutes(10);
      await stage.calm({ minutes: 30 });
    },
  },
  frozen: {
    intent: sceneFleet({ waves: [['a']] }),
    play: async (stage) => {
      const from = stage.fleet.now;
      await stage.release({ a: 'good' }, (next) => {
        next.channels.main?.freezes.push({ from, to: addSeconds(from, 1200), reason: 'year-end' });
      });
      await stage.minutes(10);
      await stage.calm({ minutes: 30 });
    },
  },
  'outside its window': beforeItsWindow({ opensInMinutes: 20, minutes: 10, calmMinutes: 30 }),
  /** Long enough for people to look when it will open. */
  'long before its window': beforeItsWindow({ opensInMinutes: 60, minutes: 45, calmMinutes: 40 }),
  /** A window stands open, and nobody has said what comes after. */
  'past what was resolved': {
    intent: sceneFleet({ waves: [['a']] }),
    play: async (stage) => {
      const { now } = stage.fleet;
      const window = { from: addSeconds(now, -3600), to: addSeconds(now, 7200) };
      await stage.release({ a: 'good' }, (next) => {
        Object.assign(next.channels.main ?? {}, { windows: [window], resolvedUntil: addSeconds(now, -60) });
      });
      await stage.minutes(10);
      await stage.release({ a: 'good' }, (next) => {
        Object.assign(next.channels.main ?? {}, { windows: null, resolvedUntil: null });
      });
      await stage.calm();
    },
  },
  /** An emergency that one of two approvers signed, before the window opens. */
  'an emergency that one approver signed': {
    intent: sceneFleet({ waves: [['a']] }),
    play: async (stage) => {
      await stage.ci.releaseBy({ signedBy: ['ci'], approvedBy: ['alice'] }, await emergency(stage));
      await stage.minutes(10);
    },
  },
  /** One that both signed passes the window; and one that has run out does not. */
  'an emergency that has run out': {
    intent: sceneFleet({ waves: [['a']] }),
    play: async (stage) => {
      stage.host('a').line.isUp = false;
      await stage.minutes(5);
      await stage.ci.releaseBy({ signedBy: ['ci'], approvedBy: ['alice', 'bob'] }, await emergency(stage));
      await stage.minutes(20);
      stage.host('a').line.isUp = true;
      await stage.minutes(10);
    },
  },
  'an emergency': {
    intent: sceneFleet({ waves: [['a']] }),
    play: async (stage) => {
      await stage.ci.releaseBy({ signedBy: ['ci'], approvedBy: ['alice', 'bob'] }, await emergency(stage));
      await stage.calm({ minutes: 8 });
    },
  },
  /** The control plane loses its disk: nobody is let go before everybody was heard, or the wait is over. */
  'empty, and one is away': {
    intent: sceneFleet({ waves: [['a'], ['b']] }),
    play: async (stage) => {
      stage.host('b').line.isUp = false;
      await stage.minutes(1);
      await stage.release({ a: 'good', b: 'good' });
      stage.loseServer();
      await stage.minutes(4);
      await stage.calm();
    },
  },
  observed: {
    intent: sceneFleet({ waves: [['a']] }),
    play: async (stage) => {
      await stage.release({ a: 'good' }, (next) => {
        Object.assign(next.channels.main?.policy ?? {}, { mode: 'observe' });
      });
      await stage.minutes(10);
      await stage.release({ a: 'good' }, (next) => {
        Object.assign(next.channels.main?.policy ?? {}, { mode: 'switch' });
      });
      await stage.calm();
    },
  },
  /** No agent asks for receipts here: the planner alone keeps the order. */
  'an earlier wave': {
    intent: sceneFleet({
      waves: [['a'], ['b']],
      channel: {
        waves: [
          { hosts: ['a'], soakSeconds: 30, promoteWhen: { convergedPercent: 100, receiptsPercent: 0 } },
          { hosts: ['b'], soakSeconds: 30, promoteWhen: { convergedPercent: 100, receiptsPercent: 0 } },
        ],
      },
    }),
    play: async (stage) => {
      await stage.release({ a: 'good', b: 'good' });
      await stage.calm();
    },
  },
  'a host goes first': {
    intent: sceneFleet({ waves: [['a', 'b']], edges: [{ gates: 'a', gated: 'b' }] }),
    play: async (stage) => {
      await stage.release({ a: 'good', b: 'good' });
      await stage.calm();
    },
  },
  'a channel goes first': {
    intent: sceneFleet({ waves: [['a']], before: ['f'] }),
    play: async (stage) => {
      await stage.release({ a: 'good', f: 'good' });
      await stage.calm();
    },
  },
  /** What was begun comes to its end before the newest begins. */
  'a newer release waits': {
    intent: sceneFleet({ waves: [['a'], ['b']] }),
    play: async (stage) => {
      await stage.release({ a: 'good', b: 'good' });
      await stage.until('a soaks', () => stage.phase('a') === 'soaking');
      await stage.release({ a: 'good', b: 'good' });
      await stage.calm();
    },
  },
  /** One fails while the other still fetches, which the other hears before it starts. */
  'halted while another fetches': {
    intent: sceneFleet({ waves: [['a', 'b']] }),
    play: async (stage) => {
      stage.host('b').fetchSeconds = 240;
      await stage.release({ a: 'failing', b: 'good' });
      await stage.minutes(10);
      await stage.release({ a: 'good', b: 'good' });
      await stage.calm();
    },
  },
  'cut off while it fetches': {
    intent: sceneFleet({ waves: [['a']] }),
    play: async (stage) => {
      stage.host('a').fetchSeconds = 120;
      await stage.release({ a: 'good' });
      await stage.until('a fetches', () => stage.phase('a') === 'fetching');
      await stage.minutes(0.5);
      stage.host('a').line.isUp = false;
      await stage.minutes(10);
      await stage.calm();
    },
  },
  /** Somebody is at work on it. */
  'changed by hand': {
    intent: sceneFleet({ waves: [['a', 'b']], policy: { drift: 'hold' } }),
    play: async (stage) => {
      const before = stage.real('a');
      await stage.release({ a: 'good', b: 'good' });
      await stage.until('a has converged', () => stage.hasConverged('a'));
      stage.changeByHand('a', before.closure);
      await stage.minutes(3);
      await stage.release({ a: 'good', b: 'good' });
      await stage.minutes(10);
      stage.changeByHand('a', stage.host('a').machine.bootDefault);
      await stage.calm();
    },
  },
  /** It converged, then its probe fails; a new rollout gives it nothing new. */
  'converging in place while a probe fails': {
    intent: sceneFleet({ waves: [['a']] }),
    play: async (stage) => {
      await stage.release({ a: 'sickening' });
      await stage.until('a has converged', () => stage.hasConverged('a'));
      await stage.minutes(10);
      await stage.release({}, (next) => {
        Object.assign(next.channels.main?.policy ?? {}, { fetchesMax: 7 });
      });
      await stage.minutes(5);
      await stage.release({ a: 'good' });
      await stage.calm();
    },
  },
  'one at once': {
    intent: sceneFleet({ waves: [['a', 'b', 'c']], budget: 1 }),
    play: async (stage) => {
      await stage.release({ a: 'good', b: 'good', c: 'good' });
      await stage.calm();
    },
  },
  'one fetches at once': {
    intent: sceneFleet({ waves: [['a', 'b', 'c']], policy: { fetchesMax: 1 } }),
    play: async (stage) => {
      await stage.release({ a: 'good', b: 'good', c: 'good' });
      await stage.calm();
    },
  },
  /** What failed there is in a new rollout, since the policy is another: it is not tried again. */
  'failed before': {
    intent: sceneFleet({ waves: [['a', 'b']], policy: { maxFailures: { count: 5 } } }),
    play: async (stage) => {
      await stage.release({ a: 'failing', b: 'good' });
      await stage.until('a has gone back', () => stage.phase('a') === 'reverted');
      await stage.release({}, (next) => {
        Object.assign(next.channels.main?.policy ?? {}, { fetchesMax: 7 });
      });
      await stage.minutes(10);
      await stage.release({ a: 'good', b: 'good' });
      await stage.calm();
    },
  },
  /** The control plane loses its disk while one that failed is away: the others wait for what it has to say. */
  'unheard after the disk was lost': {
    intent: sceneFleet({
      waves: [['a', 'b'], ['c']],
      policy: { onHealthFailure: 'rollback-and-halt' },
      channel: {
        waves: [
          { hosts: ['a', 'b'], soakSeconds: 30, promoteWhen: { convergedPercent: 50, receiptsPercent: 50 } },
          { hosts: ['c'], soakSeconds: 30, promoteWhen: { convergedPercent: 100, receiptsPercent: 100 } },
        ],
      },
    }),
    play: async (stage) => {
      stage.host('c').line.isUp = false;
      // A host that fails stops whoever has not armed.
      stage.host('b').fetchSeconds = 60;
      await stage.release({ a: 'good', b: 'failing', c: 'good' });
      await stage.until('a has converged', () => stage.hasConverged('a'));
      await stage.until('b has gone back', () => stage.phase('b') === 'reverted');
      stage.host('b').fetchSeconds = null;
      await stage.minutes(1);
      stage.host('b').line.isUp = false;
      stage.loseServer();
      await stage.minutes(1);
      stage.host('c').line.isUp = true;
      await stage.minutes(12);
      stage.host('b').line.isUp = true;
      await stage.minutes(5);
      await stage.release({ a: 'good', b: 'good', c: 'good' });
      await stage.calm();
    },
  },
  /** Slots are for those who can use them. */
  'one is off': {
    intent: sceneFleet({ waves: [['a', 'b']], budget: 1 }),
    play: async (stage) => {
      stage.host('a').line.isUp = false;
      await stage.minutes(5);
      await stage.release({ a: 'good', b: 'good' });
      await stage.calm({ except: ['a'] });
      await stage.calm();
    },
  },
  /** The next wave waits for the end of a grace, and for nothing else. */
  'one is away for longer than its grace': {
    intent: sceneFleet({
      waves: [['a'], ['b']],
      promoteWhen: { convergedPercent: 100, receiptsPercent: 0 },
      policy: { offlineGraceSeconds: 3600 },
    }),
    play: async (stage) => {
      stage.host('a').line.isUp = false;
      await stage.minutes(5);
      await stage.release({ a: 'good', b: 'good' });
      await stage.minutes(30);
      await stage.until('a is left behind', () => stage.hasConverged('b'), 60);
      await stage.calm();
    },
  },
  'one is held on the spot': {
    intent: sceneFleet({ waves: [['a', 'b']], budget: 1 }),
    play: async (stage) => {
      stage.host('a').setHold({ until: addSeconds(stage.fleet.now, 86_400), reason: 'maintenance' });
      await stage.minutes(2);
      await stage.release({ a: 'good', b: 'good' });
      await stage.calm({ except: ['a'] });
      await stage.calm();
    },
  },
  'one has no clock': {
    intent: sceneFleet({ waves: [['a', 'b']], budget: 1 }),
    play: async (stage) => {
      stage.host('a').setSynchronised(false);
      await stage.minutes(2);
      await stage.release({ a: 'good', b: 'good' });
      await stage.calm({ except: ['a'] });
      await stage.calm();
    },
  },
  'one goes back and waits': {
    intent: sceneFleet({
      waves: [['a', 'b']],
      budget: 1,
      policy: { unconfirmedRetrySeconds: 7200, unconfirmedRetryMaxSeconds: 7200 },
    }),
    play: async (stage) => {
      await stage.release({ a: 'mute', b: 'good' });
      await stage.calm({ except: ['a'], minutes: 40 });
      await stage.release({ a: 'good', b: 'good' });
      await stage.calm();
    },
  },
  'two refuse': {
    intent: sceneFleet({ waves: [['a', 'b']], budget: 1 }),
    play: async (stage) => {
      stage.host('b').line.isUp = false;
      await stage.minutes(5);
      await stage.release({ a: 'poisoned', b: 'good' });
      const refusals = () => stage.host('a').agent.running?.loop.memory.working.refusals?.count ?? 0;
      await stage.until('a refuses for the sixth time, and rests for a quarter of an hour', () => refusals() >= 6, 60);
      stage.host('b').isCacheReachable = false;
      stage.host('b').line.isUp = true;
      await stage.until('b refuses, and rests for half a minute', () => stage.phase('b') === 'refused', 6);
      await stage.calm({ except: ['a'], minutes: 4 });
      await stage.release({ a: 'good', b: 'good' });
      await stage.calm();
    },
  },
} satisfies Record<string, Scene>;

/** Another closure, a window that opens tomorrow, and an emergency of a quarter of an hour. */
async function emergency(stage: Stage): Promise<(next: TestIntent) => void> {
  const { now } = stage.fleet;
  const real = await stage.fleet.closures.build('a', 100, 'good');
  const window = { from: addSeconds(now, 86_400), to: addSeconds(now, 90_000) };
  return (next) => {
    Object.assign(next.channels.main ?? {}, { windows: [window], resolvedUntil: addSeconds(now, 864_000) });
    Object.assign(next.hosts.a ?? {}, { real });
    next.emergency = { reason: 'a hole', expiresAt: addSeconds(now, 900) };
  };
}

/** Everybody has the newest head. */
async function readByAll(stage: Stage): Promise<void> {
  stage.hint();
  await stage.minutes(3);
}

/** A release comes so long before its window opens; it is looked at for `minutes`, and is there in the end. */
function beforeItsWindow(times: {
  readonly opensInMinutes: number;
  readonly minutes: number;
  readonly calmMinutes: number;
}): Scene {
  return {
    intent: sceneFleet({ waves: [['a']] }),
    play: async (stage) => {
      const { now } = stage.fleet;
      const window = { from: addSeconds(now, times.opensInMinutes * 60), to: addSeconds(now, 7200) };
      await stage.release({ a: 'good' }, (next) => {
        Object.assign(next.channels.main ?? {}, { windows: [window], resolvedUntil: addSeconds(now, 86_400) });
      });
      await stage.minutes(times.minutes);
      await stage.calm({ minutes: times.calmMinutes });
    },
  };
}
