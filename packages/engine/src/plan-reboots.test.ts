import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Instant } from '@nixfleet/contracts';
import { manifest, PlannedFleet, type SketchedManifest, silentView, targetIn } from './fixtures/fleet.ts';
import { boot, closureOf } from './fixtures/host.ts';
import { bootSecondsMax } from './reboot.ts';

const later = '2026-06-01T13:00:00Z';
const fleetOf = (current: SketchedManifest) => new PlannedFleet({ [current.document.channel]: { current } });

/** Both waves converged, and a new kernel waits in every host. */
function pending(current: SketchedManifest): PlannedFleet {
  const fleet = fleetOf(current);
  for (const name of fleet.names()) {
    fleet.converged(current, name).tell(name, { kind: 'reboot-pending', body: { component: 'kernel' } });
  }
  return fleet;
}

function rebooting(fleet: PlannedFleet, of: SketchedManifest, name: string): PlannedFleet {
  const target = targetIn(of, name);
  const body = { target, revertTo: target.closure, deadline: '2026-06-01T12:40:00Z' as Instant, component: 'kernel' };
  return fleet.tell(name, { kind: 'rebooting', body });
}

describe('reboots', () => {
  const waves = [['a', 'b'], ['c']];
  const sketch = { introducedIn: 1, waves };
  const immediate = manifest({ ...sketch, policy: { reboot: 'immediate' } });

  it('P22: what waits for a boot is told, and by policy `never` nothing more comes of it', () => {
    const never = manifest(sketch);
    const fleet = pending(never);
    assert.deepEqual(fleet.withheld('a'), [{ code: 'reboot-needed', reason: 'kernel' }]);
    assert.deepEqual(fleet.goes(), []);
    assert.equal(fleet.state(never)?.state, 'converged');
  });

  it('P22: hosts boot wave after wave; who cannot be reached holds nobody up', () => {
    const fleet = pending(immediate);
    assert.deepEqual(fleet.goes(), ['a', 'b']);
    assert.deepEqual(fleet.plan().hosts.get('a' as never)?.go, {
      ...{ rolloutId: immediate.rolloutId, wave: 0, attempt: 1 },
      reboot: true,
    });
    assert.deepEqual(fleet.withheld('c').slice(1), [{ code: 'wave', reason: 'reboot', names: ['a', 'b'] }]);
    rebooting(fleet, immediate, 'a').offline('2026-06-01T12:00:00Z', 'b');
    assert.deepEqual([fleet.goes(), fleet.codes('a')], [[], ['in-progress']]);
    fleet.see('a', { isOnline: false });
    assert.deepEqual(fleet.codes('c'), ['reboot-needed', 'wave'], 'away for its boot');
    const target = targetIn(immediate, 'a');
    fleet
      .see('a', { isOnline: true })
      .tell(
        'a',
        { kind: 'reboot-pending', body: { component: null } },
        { kind: 'converged', body: { target, switched: true } },
      );
    assert.deepEqual([fleet.goes(), fleet.codes('c')], [['c'], ['reboot-needed']]);
    fleet.see('b', { isOnline: true });
    assert.deepEqual(fleet.goes(), ['b']);
  });

  it('P22: a boot waits until its wave is open and its host edges are, whoever converged there without a switch', () => {
    const before = manifest({ introducedIn: 1, waves, policy: { reboot: 'immediate' } });
    const edges = [{ gates: 'c', gated: 'd' }];
    const closure = (host: string) => (host === 'c' ? 'v2' : 'v1');
    const next = manifest({
      ...{ introducedIn: 2, waves: [['a', 'c'], ['b'], ['d']], edges, closure },
      policy: { reboot: 'immediate' },
    });
    const fleet = fleetOf(before);
    fleet.channels = { stable: { current: next } };
    fleet.see('d', silentView).converged(next, 'a', 'b', 'd');
    fleet.tell('b', { kind: 'reboot-pending', body: { component: 'kernel' } });
    fleet.tell('d', { kind: 'reboot-pending', body: { component: 'kernel' } });
    assert.deepEqual(fleet.goes(), ['c'], 'who switches goes first');
    assert.deepEqual(fleet.withheld('b').slice(1), [{ code: 'wave', names: ['c'], have: 1, need: 2 }]);
    assert.deepEqual(fleet.codes('d'), ['reboot-needed', 'wave', 'host-edge']);
    fleet.converged(next, 'c');
    assert.deepEqual([fleet.goes(), fleet.codes('d')], [['b'], ['reboot-needed', 'wave']]);
  });

  it('P22: brakes, a halt, local holds and budgets keep a host from booting; `immediate` alone passes windows', () => {
    const windows = [{ from: later, to: '2026-06-01T14:00:00Z' }];
    const resolvedUntil = '2026-06-02T00:00:00Z';
    for (const [reboot, goes] of [
      ['window', []],
      ['immediate', ['a', 'b']],
    ] as const) {
      const fleet = pending(manifest({ ...sketch, policy: { reboot }, windows, resolvedUntil }));
      assert.deepEqual(fleet.goes(), goes, reboot);
      assert.deepEqual(fleet.goes(later), ['a', 'b'], reboot);
    }
    const fleet = pending(immediate);
    fleet.holds = [{ channel: 'stable', reason: 'audit', expiresAt: later as Instant }];
    assert.deepEqual([fleet.goes(), fleet.codes('a')], [[], ['reboot-needed', 'hold']]);
    fleet.holds = [];
    fleet.channels = {
      stable: {
        current: immediate,
        freezes: [{ from: '2026-06-01T11:00:00Z' as Instant, to: later as Instant, reason: 'x' }],
      },
    };
    assert.deepEqual(fleet.codes('a'), ['reboot-needed', 'freeze']);
    const held = pending(immediate).tell('a', {
      kind: 'local-hold',
      body: { hold: { until: later as Instant, reason: 'disk' } },
    });
    assert.deepEqual([held.goes(), held.codes('a')], [['b'], ['reboot-needed', 'local-hold']]);
    const failed = pending(immediate).failed(immediate, 'c');
    assert.deepEqual([failed.goes(), failed.codes('a')], [[], ['reboot-needed', 'halted']]);
  });

  it('P11: a host that boots takes a slot, from when it is told and as long as it is away', () => {
    const budgets = [{ name: 'one', hosts: ['a', 'b', 'c'], maxInFlight: 1 }];
    const current = manifest({ ...sketch, policy: { reboot: 'immediate' }, budgets });
    const fleet = pending(current);
    assert.deepEqual(fleet.goes(), ['a']);
    assert.deepEqual(fleet.codes('b'), ['reboot-needed', 'budget']);
    const issued = { rolloutId: current.rolloutId, attempt: 1, reboot: true, at: fleet.now } as const;
    fleet.see('b', { issued });
    assert.deepEqual(fleet.goes(), ['b'], 'told, and not yet gone');
    fleet.offline(fleet.now, 'b');
    assert.deepEqual(fleet.goes('2026-06-01T12:30:00Z'), [], 'gone before it could tell');
    rebooting(fleet.see('b', { isOnline: true }), current, 'b').offline(fleet.now, 'b');
    assert.deepEqual(fleet.goes('2026-06-01T12:30:00Z'), []);
  });

  it('P6: a host that does not come back from its boot has failed a minute after its deadline', () => {
    const fleet = rebooting(pending(immediate), immediate, 'a').offline('2026-06-01T12:00:00Z', 'a');
    assert.equal(fleet.state(immediate, '2026-06-01T12:40:59Z')?.failed, 0);
    assert.equal(fleet.state(immediate, '2026-06-01T12:41:00Z')?.state, 'halted');
    const unheard = pending(immediate);
    unheard.see('a', { issued: { rolloutId: immediate.rolloutId, attempt: 1, reboot: true, at: unheard.now } });
    unheard.offline(unheard.now, 'a');
    const seconds = bootSecondsMax + 300 + 120 + 60;
    const lost = new Date(Date.parse(unheard.now) + seconds * 1000).toISOString().replace('.000', '');
    assert.equal(unheard.state(immediate, lost)?.state, 'halted');
  });

  it('P5: a host that fails after its boot halts the channel: no other boots', () => {
    const fleet = rebooting(pending(immediate), immediate, 'a');
    const body = { target: targetIn(immediate, 'a'), cause: 'boot-failed', revertTo: closureOf('v1') } as const;
    fleet.tell('a', { kind: 'failed', body });
    assert.deepEqual([fleet.goes(), fleet.codes('b')], [[], ['reboot-needed', 'halted']]);
  });

  it('P22: a deferred host is told to boot under the gates of a switch, where policy lets it', () => {
    const defer = (current: SketchedManifest) => {
      const body = { target: targetIn(current, 'a'), component: 'dbus' };
      return fleetOf(current).fetching(current, 'a').tell('a', { kind: 'deferred', body });
    };
    assert.equal(
      defer(immediate)
        .plan()
        .hosts.get('a' as never)?.go?.reboot,
      true,
    );
    const never = manifest(sketch);
    assert.deepEqual(defer(never).withheld('a')[0], { code: 'reboot-needed', reason: 'dbus' });
    const held = defer(immediate);
    held.holds = [{ channel: 'stable', reason: 'audit', expiresAt: later as Instant }];
    assert.equal(held.codes('a')[0], 'hold');
  });

  it('P23: a host that cannot be booted never converges on a raised number: it holds up its wave and is no failure', () => {
    const before = manifest({ introducedIn: 1, waves, closure: () => 'same' });
    const order = manifest({ introducedIn: 2, waves, closure: () => 'same', policy: { reboots: 1 } });
    const fleet = fleetOf(before).converged(before, 'a', 'b', 'c');
    fleet.channels = { stable: { current: order } };
    rebooting(fleet.fetching(order, 'a'), order, 'a');
    fleet.tell('a', { kind: 'refused', body: { target: targetIn(order, 'a'), reason: 'reboot-refused' } });
    fleet.converged(order, 'b');
    assert.deepEqual(fleet.withheld('a')[0]?.refusal, 'reboot-refused');
    assert.deepEqual(
      [fleet.codes('c'), fleet.state(order)?.state, fleet.state(order)?.failed],
      [['wave'], 'active', 0],
    );
    assert.deepEqual(fleet.goes('2026-06-01T13:00:00Z'), ['a'], 'it may ask again');
    const without = manifest({ introducedIn: 3, waves, closure: () => 'same' });
    fleet.channels = { stable: { current: without, mayFinish: [order] } };
    assert.deepEqual(fleet.codes('a'), ['in-progress'], 'lowered, it converges by itself');
  });

  it('P23: `reboots` raised is a rollout of the same closure: waves, edges, budgets and windows hold as for any other', () => {
    const before = manifest({ introducedIn: 1, waves, closure: () => 'same' });
    const budgets = [{ name: 'one', hosts: ['a', 'b', 'c'], maxInFlight: 1 }];
    const order = manifest({ introducedIn: 2, waves, closure: () => 'same', budgets, policy: { reboots: 1 } });
    const fleet = fleetOf(before).converged(before, 'a', 'b', 'c');
    fleet.channels = { stable: { current: order } };
    assert.deepEqual(fleet.goes(), ['a']);
    assert.deepEqual(fleet.plan().hosts.get('a' as never)?.go?.reboot, undefined, 'a go like any other');
    assert.deepEqual([fleet.codes('b'), fleet.codes('c')], [['budget'], ['wave']]);
    fleet.issue(order, 'a');
    assert.deepEqual(fleet.goes(), ['a'], 'and a slot like any other');
    rebooting(fleet.fetching(order, 'a'), order, 'a');
    assert.deepEqual([fleet.goes(), fleet.codes('a')], [[], ['in-progress']]);
    fleet.tell('a', { kind: 'converged', body: { target: targetIn(order, 'a'), switched: true } });
    assert.deepEqual(fleet.goes(), ['b']);
    // Booted by a person since it saw the number: it converges by itself, and is not told to do anything.
    fleet.tell('b', { kind: 'reboots-seen', body: { reboots: 1 } });
    const view = fleet.views.get('b' as never);
    assert.ok(view?.fold);
    const state = { ...view.fold.state, bootId: `${boot}-next` as typeof boot };
    fleet.see('b', { fold: { ...view.fold, state } });
    assert.deepEqual([fleet.goes(), fleet.codes('b')], [[], ['in-progress']]);
  });
});
