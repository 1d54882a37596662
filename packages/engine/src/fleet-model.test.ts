import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { manifest, type SketchedManifest } from './fixtures/fleet.ts';
import { closureOf } from './fixtures/host.ts';
import { ModelledFleet } from './fixtures/modelled-fleet.ts';

const waves = [['a'], ['b', 'c'], ['d', 'e']];
const names = waves.flat();
const budgets = [{ name: 'all', hosts: names, maxInFlight: 2 }];
const release = (introducedIn: number, closure: string): SketchedManifest =>
  manifest({ introducedIn, waves, closure: () => closure, budgets, soakSeconds: 30 });

const fault = fc.record({
  round: fc.integer({ min: 0, max: 60 }),
  host: fc.constantFrom(...names),
  what: fc.constantFrom('offline' as const, 'crash' as const, 'reboot' as const),
  rounds: fc.integer({ min: 1, max: 20 }),
});
const faults = fc.array(fault, { maxLength: 6 });

function run(
  fleet: ModelledFleet,
  list: readonly (typeof faults extends fc.Arbitrary<(infer One)[]> ? One : never)[],
  rounds: number,
): void {
  for (let round = 0; round < rounds; round++) {
    for (const [name, host] of fleet.hosts) {
      host.isOnline = !list.some(
        (one) => one.host === name && one.what === 'offline' && one.round <= round && round < one.round + one.rounds,
      );
    }
    for (const one of list) {
      const machine = [...fleet.hosts].find(([name]) => name === one.host)?.[1].machine;
      if (one.round !== round || !machine) continue;
      if (one.what === 'crash') machine.crash();
      if (one.what === 'reboot') machine.reboot();
    }
    fleet.round();
  }
}

function assertWaveOrder(fleet: ModelledFleet, of: SketchedManifest): void {
  const begun = fleet.firstAt('activating', of);
  const done = fleet.firstAt('converged', of);
  for (const [wave, hosts] of waves.entries()) {
    for (const name of hosts) {
      const at = begun.get(name);
      if (at === undefined) continue;
      for (const earlier of waves.slice(0, wave).flat()) {
        const convergedAt = done.get(earlier);
        assert.ok(convergedAt !== undefined && convergedAt <= at, `${name} began before ${earlier} had converged`);
      }
    }
  }
}

describe('planner and host machines together', () => {
  it('P21: a good release reaches every host wave by wave, within budgets, through outages, crashes and reboots', () => {
    fc.assert(
      fc.property(faults, (list) => {
        const good = release(2, 'good');
        const fleet = new ModelledFleet(good, () => 'good');
        run(fleet, list, 60);
        run(fleet, [], 120);
        assertWaveOrder(fleet, good);
        for (const [name, { machine }] of fleet.hosts) {
          assert.deepEqual([name, machine.phase.name, machine.running], [name, 'converged', closureOf('good')]);
        }
        assert.ok(fleet.busiest <= 2, `${fleet.busiest} at once`);
        assert.equal(fleet.last.rollouts[0]?.state, 'converged');
      }),
      { numRuns: 15 },
    );
  });

  it('P21: a bad release halts, whoever it is bad for: nobody begins after that, all end where they were', () => {
    fc.assert(
      fc.property(
        faults,
        fc.constantFrom(...names),
        fc.constantFrom('bad-probe' as const, 'bad-activation' as const),
        (list, bad, how) => {
          const first = release(2, 'good');
          const fleet = new ModelledFleet(first, (host, closure) =>
            host === bad && closure === closureOf('worse') ? how : 'good',
          );
          run(fleet, [], 150);
          const worse = release(3, 'worse');
          fleet.publish(worse);
          run(fleet, list, 60);
          run(fleet, [], 120);
          assertWaveOrder(fleet, worse);
          assert.equal(fleet.last.rollouts[0]?.state, 'reverted');
          const failedAt = fleet.firstAt('failed', worse).get(bad);
          assert.ok(failedAt);
          for (const [name, at] of fleet.firstAt('fetching', worse))
            assert.ok(at <= failedAt, `${name} began after the halt`);
          for (const [name, { machine }] of fleet.hosts) {
            const isOn = machine.running === closureOf('worse') && machine.phase.name === 'converged';
            assert.ok(isOn || machine.running === closureOf('good'), `${name} ended elsewhere`);
            if (name === bad) assert.equal(machine.running, closureOf('good'));
            assert.equal(machine.running, machine.memory.state.confirmed?.closure);
          }
          const fix = release(4, 'fix');
          fleet.publish(fix);
          run(fleet, [], 120);
          for (const { machine } of fleet.hosts.values()) assert.equal(machine.running, closureOf('fix'));
        },
      ),
      { numRuns: 12 },
    );
  });

  it('P21: a release that cuts the network off is reverted by everybody it reached, and quarantined by nobody', () => {
    const mute = release(2, 'mute');
    const fleet = new ModelledFleet(mute, (_host, closure) => (closure === closureOf('mute') ? 'mute' : 'good'));
    run(fleet, [], 120);
    const reached = [...fleet.hosts].filter(([, { machine }]) =>
      machine.journal.some(({ kind }) => kind === 'activating'),
    );
    assert.deepEqual(
      reached.map(([name]) => name),
      ['a'],
      'the canary alone',
    );
    for (const [, { machine }] of reached) {
      assert.ok(machine.journal.filter(({ kind }) => kind === 'unconfirmed').length > 1, 'it is retried');
      assert.deepEqual(machine.memory.state.quarantine, []);
    }
    fleet.publish(release(3, 'good'), [mute]);
    run(fleet, [], 200);
    for (const { machine } of fleet.hosts.values()) assert.equal(machine.running, closureOf('good'));
  });

  it('P21: a release in flight finishes before the next one starts', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), (after) => {
        const first = release(2, 'good');
        const next = release(3, 'next');
        const fleet = new ModelledFleet(first, () => 'good');
        run(fleet, [], after);
        fleet.publish(next, [first]);
        run(fleet, [], 150);
        const done = fleet.firstAt('converged', first);
        const begun = fleet.firstAt('fetching', next);
        assert.equal(done.size, names.length);
        for (const at of begun.values()) for (const convergedAt of done.values()) assert.ok(convergedAt <= at);
        for (const { machine } of fleet.hosts.values()) assert.equal(machine.running, closureOf('next'));
        assertWaveOrder(fleet, next);
      }),
      { numRuns: 6 },
    );
  });

  it('P21: every host boots once for a raised number, in order, within budgets and edges, through outages and crashes', () => {
    const edges = [{ gated: 'c', gates: 'b' }];
    const order = (introducedIn: number, reboots: number) =>
      manifest({ introducedIn, waves, closure: () => 'good', budgets, edges, soakSeconds: 30, policy: { reboots } });
    // No boots of chance: each would count as the one that was asked for.
    const harmless = faults.map((list) => list.filter(({ what }) => what !== 'reboot'));
    fc.assert(
      fc.property(harmless, (list) => {
        const fleet = new ModelledFleet(order(2, 0), () => 'good');
        run(fleet, [], 120);
        const raised = order(3, 1);
        fleet.publish(raised);
        run(fleet, list, 60);
        run(fleet, [], 240);
        for (const [name, { machine }] of fleet.hosts) {
          assert.deepEqual([name, machine.boots, machine.phase.name], [name, 2, 'converged']);
        }
        const begun = fleet.firstAt('rebooting', raised);
        const done = fleet.firstAt('converged', raised);
        const follows = (late: string, early: string) =>
          assert.ok((done.get(early) ?? 'never') <= (begun.get(late) ?? ''), `${late} booted before ${early} was back`);
        for (const [wave, hosts] of waves.entries()) {
          for (const name of hosts) for (const earlier of waves.slice(0, wave).flat()) follows(name, earlier);
        }
        follows('c', 'b');
        assert.ok(fleet.busiest <= 2, `${fleet.busiest} at once`);
        assert.equal(fleet.last.rollouts[0]?.state, 'converged');
      }),
      { numRuns: 8 },
    );
  });

  it('P21: new kernels are booted wave by wave under `immediate`, never two hosts of a budget of one', () => {
    const kernel = manifest({
      ...{ introducedIn: 2, waves, closure: () => 'kernel', soakSeconds: 30 },
      budgets: [{ name: 'all', hosts: names, maxInFlight: 1 }],
      policy: { reboot: 'immediate' },
    });
    const fleet = new ModelledFleet(kernel, (_host, closure) =>
      closure === closureOf('kernel') ? 'new-kernel' : 'good',
    );
    run(fleet, [], 500);
    for (const [name, { machine }] of fleet.hosts) {
      assert.deepEqual([name, machine.boots, machine.memory.state.rebootPending], [name, 2, null]);
    }
    assert.equal(fleet.busiest, 1);
    const begun = fleet.firstAt('rebooting', kernel);
    for (const early of ['b', 'c']) {
      for (const late of ['d', 'e']) assert.ok((begun.get(early) ?? '') < (begun.get(late) ?? ''));
    }
  });

  it('P21: a kernel that does not come up halts the channel at its first host, which is back on what it ran', () => {
    const fleet = new ModelledFleet(release(2, 'good'), (_host, closure) =>
      closure === closureOf('panics') ? 'panics' : 'good',
    );
    run(fleet, [], 150);
    const bad = manifest({ introducedIn: 3, waves, closure: () => 'panics', budgets, policy: { reboots: 1 } });
    fleet.publish(bad);
    run(fleet, [], 150);
    assert.equal(fleet.last.rollouts[0]?.state, 'reverted');
    assert.deepEqual([...fleet.firstAt('rebooting', bad).keys()], ['a']);
    for (const { machine } of fleet.hosts.values()) assert.equal(machine.running, closureOf('good'));
  });

  it('P21: under a hold nobody begins, through outages, crashes and reboots; after it the release goes on', () => {
    fc.assert(
      fc.property(faults, fc.integer({ min: 0, max: 30 }), (list, after) => {
        const good = release(2, 'good');
        const fleet = new ModelledFleet(good, () => 'good');
        run(fleet, list, after);
        const heldAt = fleet.now;
        const until = fleet.later(600);
        fleet.hold(until);
        run(fleet, [], 60);
        for (const kind of ['fetching', 'activating']) {
          for (const at of fleet.firstAt(kind, good).values())
            assert.ok(at < heldAt || at >= until, `${kind} at ${at}`);
        }
        run(fleet, [], 240);
        for (const { machine } of fleet.hosts.values()) assert.equal(machine.running, closureOf('good'));
      }),
      { numRuns: 8 },
    );
  });

  it('P21: a trial through outages, crashes and reboots ends at home, and the rollout is what it was without it', () => {
    fc.assert(
      fc.property(faults, fc.constantFrom(...names), fc.integer({ min: 0, max: 40 }), (list, host, after) => {
        const good = release(2, 'good');
        const fleet = new ModelledFleet(good, () => 'good');
        run(fleet, [], after);
        const sketch = manifest({ introducedIn: 3, waves: [[host]], closure: () => 'tried' });
        fleet.try(host, { ...sketch, rolloutId: 'f'.repeat(64) as typeof sketch.rolloutId }, fleet.later(900));
        run(fleet, list, 60);
        run(fleet, [], 300);
        assertWaveOrder(fleet, good);
        for (const [name, { machine }] of fleet.hosts) {
          assert.deepEqual([name, machine.phase.name, machine.running], [name, 'converged', closureOf('good')]);
          assert.equal(machine.bootDefault, closureOf('good'));
          const tried = machine.journal.some(({ body }) => 'target' in body && body.target.trialUntil !== undefined);
          assert.ok(!tried || name === host, `${name} tried what was not its own`);
        }
        assert.ok(fleet.busiest <= 2, `${fleet.busiest} at once`);
        assert.deepEqual([fleet.last.rollouts[0]?.state, fleet.last.rollouts[0]?.failed], ['converged', 0]);
      }),
      { numRuns: 8 },
    );
  });
});
