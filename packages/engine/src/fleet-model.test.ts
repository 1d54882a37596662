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
});
