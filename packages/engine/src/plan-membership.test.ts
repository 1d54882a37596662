import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Instant } from '@nixfleet/contracts';
import { manifest, PlannedFleet, type SketchedManifest, targetIn } from './fixtures/fleet.ts';

const budgets = [{ name: 'one', hosts: ['a', 'b', 'c', 'd'], maxInFlight: 1 }];
const first = manifest({ introducedIn: 1, waves: [['a', 'b'], ['c']] });
const next = manifest({ introducedIn: 2, waves: [['a', 'b'], ['c']] });
const fleetOf = (current: SketchedManifest, ...mayFinish: SketchedManifest[]) =>
  new PlannedFleet({ [current.document.channel]: { current, mayFinish } });

/** The release that replaces what runs, or lets it finish. */
function publish(fleet: PlannedFleet, current: SketchedManifest, ...mayFinish: SketchedManifest[]): PlannedFleet {
  fleet.channels = { ...fleet.channels, [current.document.channel]: { current, mayFinish } };
  for (const name of Object.keys(current.document.hosts)) fleet.see(name, {});
  return fleet;
}

describe('superseding in the middle of a wave', () => {
  it('P24: replaced: who switches ends its switch, who fetches or was told turns, who converged starts anew, in wave order', () => {
    const fleet = publish(fleetOf(first).converged(first, 'a').activating(first, 'b'), next);
    assert.deepEqual([fleet.goes(), fleet.codes('b')], [['a'], ['in-progress']]);
    assert.deepEqual(fleet.codes('c'), ['wave']);
    const fetching = publish(fleetOf(first).fetching(first, 'b').issue(first, 'a'), next);
    assert.deepEqual(fetching.goes(), ['a', 'b']);
    assert.equal(fetching.plan().hosts.get('b' as never)?.go?.rolloutId, next.rolloutId);
    fleet.converged(first, 'b');
    assert.deepEqual(fleet.goes(), ['a', 'b'], 'what it switched to was replaced meanwhile');
    assert.equal(fleet.state(first), undefined, 'and nobody speaks of the one before any more');
  });

  it('P24: left to finish: the wave that is open and those after it go on, the newest waits', () => {
    const fleet = publish(fleetOf(first).converged(first, 'a').activating(first, 'b'), next, first);
    assert.deepEqual([fleet.state(first)?.state, fleet.state(next)?.state], ['active', 'waiting']);
    fleet.converged(first, 'b');
    assert.equal(fleet.plan().hosts.get('c' as never)?.go?.rolloutId, first.rolloutId);
  });

  it('P24: a host that was away returns to the rollout that is current then', () => {
    const policy = { offlineGraceSeconds: 60 };
    const promoteWhen = { convergedPercent: 100, receiptsPercent: 0 };
    const old = manifest({ introducedIn: 1, waves: [['a'], ['b']], policy, promoteWhen });
    const new_ = manifest({ introducedIn: 2, waves: [['a'], ['b']], policy, promoteWhen });
    const fleet = fleetOf(old).offline('2026-06-01T11:00:00Z', 'a').converged(old, 'b');
    assert.deepEqual([fleet.state(old)?.state, fleet.state(old)?.leftBehind], ['converged', ['a']]);
    publish(fleet, new_, old).see('a', { isOnline: true });
    assert.equal(fleet.plan().hosts.get('a' as never)?.go?.rolloutId, new_.rolloutId);
  });
});

describe('hosts that come, go and move while a rollout runs', () => {
  it('P24: added: not in the running rollout, so it waits for its own; without one to wait for it starts in its wave', () => {
    const wider = manifest({
      introducedIn: 2,
      waves: [
        ['a', 'b'],
        ['c', 'd'],
      ],
    });
    const fleet = publish(fleetOf(first).activating(first, 'a'), wider, first);
    assert.deepEqual(fleet.codes('d'), ['waiting-for-rollout']);
    const replaced = publish(fleetOf(first).converged(first, 'a', 'b', 'c'), wider);
    assert.deepEqual([replaced.goes(), replaced.codes('d')], [['a', 'b'], ['wave']]);
  });

  it('P24: removed: nobody waits for it, and it is shown no more', () => {
    const fleet = fleetOf(first).converged(first, 'a');
    assert.deepEqual(fleet.codes('c'), ['wave']);
    fleet.moved.set('b', null);
    assert.equal(fleet.plan().hosts.has('b' as never), false);
    // Its receipt is still asked for by the agents of the next wave, who go by the manifest alone.
    assert.deepEqual(fleet.withheld('c')[0], { code: 'wave', names: [], have: 1, need: 2, reason: 'receipts' });
    const lenient = manifest({
      ...{ introducedIn: 1, waves: [['a', 'b'], ['c']] },
      promoteWhen: { convergedPercent: 100, receiptsPercent: 50 },
    });
    const other = fleetOf(lenient).converged(lenient, 'a');
    other.moved.set('b', null);
    assert.deepEqual(other.goes(), ['c']);
  });

  it('P24: moved in the midst of its switch: it ends it, keeps its slot, and then follows its new channel', () => {
    const stable = manifest({ introducedIn: 1, waves: [['a', 'b']], budgets });
    const edge = manifest({ channel: 'edge', introducedIn: 2, waves: [['d']], budgets });
    const fleet = new PlannedFleet({ stable: { current: stable }, edge: { current: edge } }).activating(stable, 'a');
    const joined = manifest({ channel: 'edge', introducedIn: 3, waves: [['a', 'd']], budgets });
    const without = manifest({ introducedIn: 3, waves: [['b']], budgets });
    fleet.channels = { stable: { current: without }, edge: { current: joined } };
    fleet.moved.set('a', 'edge');
    assert.deepEqual([fleet.goes(), fleet.codes('a')], [[], ['in-progress']]);
    assert.deepEqual(fleet.codes('d'), ['budget']);
    fleet.converged(stable, 'a');
    assert.deepEqual(fleet.goes(), ['a']);
    assert.equal(fleet.plan().hosts.get('a' as never)?.go?.rolloutId, joined.rolloutId);
  });

  it('P24: retagged: its wave is the one that the running manifest gave it, until a newer one says otherwise', () => {
    const swapped = manifest({ introducedIn: 2, waves: [['c'], ['a', 'b']], closure: () => 'v1' });
    const fleet = publish(fleetOf(first).converged(first, 'a'), swapped, first);
    assert.deepEqual(fleet.goes(), ['b']);
    const replaced = publish(fleetOf(first).converged(first, 'a'), swapped);
    assert.deepEqual([replaced.goes(), replaced.codes('b')], [['c'], ['wave']]);
    replaced.tell('a', { kind: 'converged', body: { target: targetIn(swapped, 'a'), switched: false } });
    assert.deepEqual(replaced.codes('a'), [], 'the closure is the same, so it has converged before its wave is open');
  });
});

describe('a channel that is halted', () => {
  it('P5: the pause is told of the rollout, with who failed, and a newer release ends it', () => {
    const fleet = fleetOf(first).failed(first, 'a');
    assert.deepEqual(fleet.state(first)?.withheld, [{ code: 'halted', names: ['a'], have: 1, need: 0 }]);
    publish(fleet, next, first).now = '2026-06-01T12:00:00Z' as Instant;
    assert.deepEqual(fleet.goes(), ['a', 'b']);
  });
});
