import assert from 'node:assert/strict';
import type { FailedCause } from '@nixfleet/contracts';
import type { Scenario } from '../harness/scenario.ts';
import type { SystemSpec } from '../harness/system-builder.ts';

const oneshot = (command: string) => ({
  description: command,
  wantedBy: ['multi-user.target'],
  serviceConfig: { Type: 'oneshot', RemainAfterExit: true, ExecStart: command },
});

/** A switch that fails for good: undone, and this closure is not tried again. */
function failing(name: string, cause: FailedCause, exitCode: number | null, next: SystemSpec): Scenario {
  return {
    name,
    seconds: 90,
    ...(cause === 'activation-timeout' ? { activationSeconds: 10 } : {}),
    systems: { next },
    async run(stage) {
      await stage.release('next');
      const { body } = await stage.until('failed');
      assert.deepEqual([body.cause, body.output?.exitCode], [cause, exitCode], body.output?.excerpt);
      await stage.until('reverted');
      await stage.endsOn(stage.before);
      assert.equal(stage.state.quarantine.at(-1)?.closure, stage.closure('next').closure);
    },
  };
}

/** Every way in which switch-to-configuration ends. */
export const switchEnds: readonly Scenario[] = [
  failing('exit 2: the activation fails', 'activation-failed', 2, { system: { activation: 'exit 3' } }),
  failing('exit 4: a unit fails that had not failed before', 'failed-units', 4, {
    units: { 'broken.service': oneshot('/bin/false') },
  }),
  failing('the switch is killed', 'activation-failed', null, {
    // The switch is the parent of the program whose snippet this is.
    system: { activation: 'kill -KILL "$PPID"; sleep 60' },
  }),
  failing('the activation hangs and holds the lock', 'activation-timeout', null, {
    system: { activation: 'sleep 1000' },
  }),
  {
    name: 'the activation hangs and holds the lock, and no agent is there',
    seconds: 150,
    activationSeconds: 10,
    systems: { next: { system: { activation: 'mkdir -p /run/faults; touch /run/faults/hangs; sleep 1000' } } },
    async run(stage) {
      await stage.release('next', (next) => {
        stage.channel(next).policy.unconfirmedRetrySeconds = 300;
        stage.channel(next).policy.unconfirmedRetryMaxSeconds = 300;
      });
      await stage.until('activating');
      stage.machine.run('systemctl', 'stop', 'nixfleet-agent.service');
      // Going back starts what the system wants, the agent too.
      const { body } = await stage.until('reverted');
      assert.equal(body.by, 'dead-man');
      await stage.endsOn(stage.before);
    },
  },
  {
    name: 'exit 1: a pre-switch check refuses',
    seconds: 75,
    systems: { next: { system: { preSwitchChecks: 'echo "the database is open"; exit 1\n' } } },
    async run(stage) {
      await stage.release('next');
      const { body } = await stage.until('refused');
      assert.equal(body.reason, 'pre-switch-check');
      await stage.endsOn(stage.before);
    },
  },
  {
    name: 'exit 4: the unit that fails had failed before',
    seconds: 90,
    systems: { next: {} },
    async run(stage) {
      const { machine } = stage;
      machine.write('/run/systemd/system/flaky.service', '[Service]\nType=oneshot\nExecStart=/bin/false\n');
      machine.run('systemctl', 'daemon-reload');
      machine.run('systemctl', 'add-wants', '--runtime', 'multi-user.target', 'flaky.service');
      machine.tryRun('systemctl', 'start', 'flaky.service');
      try {
        await stage.release('next');
        await stage.until('confirming', ({ body }) => body.output?.exitCode === 4);
        await stage.endsOn(stage.closure('next').closure);
      } finally {
        machine.remove('/run/systemd/system/flaky.service');
        machine.remove('/run/systemd/system/multi-user.target.wants');
        machine.tryRun('systemctl', 'daemon-reload');
        machine.tryRun('systemctl', 'reset-failed');
      }
    },
  },
  {
    name: 'exit 11: somebody else holds the lock for a while',
    seconds: 90,
    systems: { next: {} },
    async run(stage) {
      const lock = '/run/nixos/switch-to-configuration.lock';
      stage.machine.run('systemd-run', '--quiet', '--collect', 'flock', lock, 'sleep', '8');
      await stage.release('next');
      await stage.endsOn(stage.closure('next').closure);
    },
  },
  {
    name: 'a system without switch-to-configuration',
    seconds: 75,
    systems: { next: { system: { switchable: false } } },
    async run(stage) {
      await stage.release('next');
      const { body } = await stage.until('refused');
      assert.equal(body.reason, 'not-a-system');
      await stage.endsOn(stage.before);
    },
  },
  {
    name: 'a pre-switch check would veto the revert',
    seconds: 90,
    systems: {
      guarded: { system: { preSwitchChecks: 'test ! -e /run/faults/veto\n' } },
      sick: {
        healthChecks: { never: { kind: 'exec', command: ['/bin/false'], intervalSeconds: 1, failureThreshold: 1 } },
      },
    },
    async run(stage) {
      const guarded = stage.closure('guarded').closure;
      await stage.release('guarded');
      await stage.endsOn(guarded);
      stage.machine.write('/run/faults/veto', '');
      await stage.release('sick');
      await stage.until('reverted');
      await stage.endsOn(guarded);
    },
  },
];
