import assert from 'node:assert/strict';
import type { ChannelPolicy } from '@nixfleet/contracts';
import type { TestIntent } from '@nixfleet/testkit';
import { stays } from '../../loop/harness/until.ts';
import type { Scenario } from '../harness/scenario.ts';
import type { Stage } from '../harness/stage.ts';

const agent = 'nixfleet-agent.service';
const never = { kind: 'exec', command: ['/bin/false'], intervalSeconds: 1, failureThreshold: 1 };

const drifting =
  (stage: Stage, drift: ChannelPolicy['drift']) =>
  (next: TestIntent): void => {
    if (drift) stage.channel(next).policy.drift = drift;
  };

/** Somebody at the machine switches it to another system. */
async function switchByHand(stage: Stage, system: string): Promise<void> {
  await stage.machine.fetch(system);
  stage.machine.run(`${system}/bin/switch-to-configuration`, 'test');
  assert.equal(stage.machine.running, system);
}

/** The agent looks once a minute; started anew it looks at once. */
function lookNow({ machine }: Stage): void {
  machine.run('systemctl', 'restart', agent);
}

async function untilShown(stage: Stage, code: string | null): Promise<void> {
  const { world, machine } = stage;
  const isShown = async (): Promise<boolean> => ((await world.why(machine.name)).withheld[0]?.code ?? null) === code;
  await stage.sees(`the reason ${code}`, isShown);
}

/** A specialisation runs below the system that it belongs to. */
const specialised = (name: string) => ({
  system: { specialisations: { [name]: { activation: ': without its noise' } } },
});

export const changedByHand: readonly Scenario[] = [
  {
    name: 'changed by hand, by policy `report`: told within a minute, shown, and replaced by the next release',
    seconds: 150,
    systems: { next: {}, other: {}, last: {} },
    async run(stage) {
      const other = stage.closure('other').closure;
      await stage.release('next');
      await stage.endsOn(stage.closure('next').closure);
      await switchByHand(stage, other);
      stage.begin();
      const { body } = await stage.until('drift');
      assert.deepEqual([body.expected, body.running], [stage.closure('next').closure, other]);
      await untilShown(stage, 'drift');
      await stays('it is left alone', () => stage.machine.running === other, 2);
      await stage.release('last');
      await stage.endsOn(stage.closure('last').closure);
    },
  },
  {
    name: 'changed by hand, by policy `hold`: nothing starts until it is changed back',
    seconds: 120,
    systems: { next: {}, other: {}, last: {} },
    async run(stage) {
      const [next, other] = [stage.closure('next').closure, stage.closure('other').closure];
      await stage.release('next', drifting(stage, 'hold'));
      await stage.endsOn(next);
      await switchByHand(stage, other);
      lookNow(stage);
      await stage.until('drift');
      await stage.release('last', drifting(stage, 'hold'));
      await stage.until('withheld', ({ body }) => body.withheld?.code === 'drift');
      await untilShown(stage, 'drift');
      assert.equal(stage.machine.running, other);
      stage.machine.run(`${next}/bin/switch-to-configuration`, 'test');
      lookNow(stage);
      stage.begin();
      await stage.endsOn(stage.closure('last').closure);
    },
  },
  {
    name: 'changed by hand, by policy `reactivate`: it goes back by itself, like a release',
    seconds: 120,
    systems: { next: {}, other: {} },
    async run(stage) {
      const [next, other] = [stage.closure('next').closure, stage.closure('other').closure];
      await stage.release('next', drifting(stage, 'reactivate'));
      await stage.endsOn(next);
      // For good, as far as the person is concerned.
      await switchByHand(stage, other);
      stage.machine.run('nix-env', '--profile', '/nix/var/nix/profiles/system', '--set', other);
      stage.machine.run(`${other}/bin/switch-to-configuration`, 'boot');
      const mark = stage.machine.mark;
      lookNow(stage);
      stage.begin();
      await stage.machine.until('converged', { mark, seconds: 90, where: ({ body }) => body.switched });
      await stage.endsOn(next);
      const kinds = stage.machine.kinds(mark);
      for (const kind of ['drift', 'activating', 'probes-passed', 'confirmed'] as const)
        assert.ok(kinds.includes(kind));
      await untilShown(stage, null);
    },
  },
  {
    name: 'what it boots is changed by hand while the right system runs: told, shown, and set back by policy `reactivate`',
    seconds: 120,
    systems: { next: {}, other: {} },
    async run(stage) {
      const { machine } = stage;
      const [next, other] = [stage.closure('next').closure, stage.closure('other').closure];
      await stage.release('next');
      await stage.endsOn(next);
      await machine.fetch(other);
      machine.run('nix-env', '--profile', '/nix/var/nix/profiles/system', '--set', other);
      machine.run(`${other}/bin/switch-to-configuration`, 'boot');
      assert.deepEqual([machine.running, machine.bootDefault], [next, other]);
      lookNow(stage);
      const { body } = await stage.until('drift');
      assert.deepEqual(body, { expected: next, running: next, bootDefault: other });
      await untilShown(stage, 'drift');
      await stays('it is left alone', () => machine.bootDefault === other, 2);
      await stage.release('next', drifting(stage, 'reactivate'));
      await stage.until('confirmed');
      await stage.endsOn(next);
      await untilShown(stage, null);
      assert.equal(stage.state.bootDefault, undefined);
    },
  },
  {
    name: 'a specialisation is no change: it is kept by a release and by a revert, and one without it says so',
    seconds: 150,
    systems: {
      next: specialised('quiet'),
      sick: { ...specialised('quiet'), healthChecks: { never } },
      kept: specialised('quiet'),
      without: {},
    },
    async run(stage) {
      const { machine } = stage;
      const { mark } = machine;
      const variantOf = (version: string): string => {
        const link = `${stage.closure(version).closure}/specialisation/quiet`;
        return machine.run('readlink', '--canonicalize', link).trim();
      };
      await stage.release('next');
      await stage.endsOn(stage.closure('next').closure);
      machine.run(`${variantOf('next')}/bin/switch-to-configuration`, 'test');
      assert.equal(machine.running, variantOf('next'));
      lookNow(stage);
      await stage.until('started', ({ body }) => body.running === stage.closure('next').closure);
      await stage.release('sick');
      await stage.until('reverted');
      assert.equal(machine.running, variantOf('next'), 'gone back to');
      await stage.release('kept');
      const kept = await stage.until('confirming');
      assert.equal(kept.body.detail, 'as its specialisation quiet');
      await stage.until('converged');
      assert.deepEqual([machine.running, machine.bootDefault], [variantOf('kept'), stage.closure('kept').closure]);
      await stage.release('without');
      const lost = await stage.until('confirming');
      assert.equal(lost.body.detail, 'it has no specialisation quiet, which ran before');
      await stage.endsOn(stage.closure('without').closure);
      assert.ok(!machine.kinds(mark).includes('drift'), 'no specialisation is a change');
    },
  },
];
