import assert from 'node:assert/strict';
import { systemClock } from '@nixfleet/agent';
import { type Instant, msToInstant } from '@nixfleet/contracts';
import type { TestIntent } from '@nixfleet/testkit';
import { stays } from '../../loop/harness/until.ts';
import type { Scenario } from '../harness/scenario.ts';
import type { Stage } from '../harness/stage.ts';

type Policy = ReturnType<Stage['channel']>['policy'];

/** Cannot take the running one's place: the machine has to boot for it. */
const newInit = { initInterface: 'systemd 257' };
/** The same of a switch that says so itself; from it to others no boot is needed. */
const needsBoot = { switching: 'exit 100' };
const newKernel = { kernelVersion: '6.6.3' };
/** The hosts reboot by this policy; a window opens so many seconds from now, and stays open for an hour. */
const booting =
  (stage: Stage, reboot: Policy['reboot'], opensInSeconds?: number) =>
  (next: TestIntent): void => {
    const channel = stage.channel(next);
    channel.policy.reboot = reboot;
    if (opensInSeconds === undefined) return;
    const at = (seconds: number): Instant => msToInstant(systemClock.now() + seconds * 1000);
    channel.windows = [{ from: at(opensInSeconds), to: at(3600) }];
    channel.resolvedUntil = at(7200);
  };
const oneRetry = (stage: Stage, next: TestIntent): void => {
  stage.channel(next).policy.unconfirmedRetrySeconds = 300;
  stage.channel(next).policy.unconfirmedRetryMaxSeconds = 300;
};
const never = { kind: 'exec', command: ['/bin/false'], intervalSeconds: 1, failureThreshold: 1 };

/** It came up in `closure`, for good: the boot default too, and nothing waits for a boot any more. */
function hasBooted({ machine, state }: Stage, closure: string): void {
  assert.deepEqual([machine.booted, machine.bootDefault], [closure, closure]);
  assert.equal(state.rebootPending, null);
}

/** A boot into the new system that does not last: the machine is back on the old, and this closure is not tried again. */
async function fellBack(stage: Stage, cause: string): Promise<void> {
  const { body } = await stage.until('failed');
  assert.equal(body.cause, cause, body.detail);
  await stage.until('reverted');
  await stage.endsOn(stage.before);
  assert.equal(stage.machine.booted, stage.before);
  assert.equal(stage.state.quarantine.at(-1)?.closure, stage.closure('next').closure);
}

/** Releases what needs a boot, and cuts the power while the loader is being told, just before or just after it knows. */
async function cutWhileOrdering(stage: Stage, when: 'before' | 'after'): Promise<void> {
  const { machine } = stage;
  const [program, aside, reached] = ['/usr/sbin/grub-reboot', '/usr/sbin/grub-reboot.aside', '/run/ordering'];
  const telling = `${aside} "$@"`;
  const waiting = `touch ${reached}; sleep 1000`;
  const steps = when === 'before' ? [waiting, telling] : [telling, waiting];
  machine.run('mv', program, aside);
  machine.write(program, `#!/bin/sh\n${steps.join('\n')}\n`, 0o755);
  try {
    await stage.release('next', booting(stage, 'immediate'));
    await stage.sees('the loader is being told', () => machine.read(reached) !== null);
    await machine.cutPower();
  } finally {
    if (!machine.isUp) await machine.start();
    machine.run('mv', aside, program);
  }
}

/** What only a boot takes up: deferred or pending, booted by policy, confirmed after the boot, or fallen back from. */
export const boots: readonly Scenario[] = [
  {
    name: 'a new init defers, boots as soon as it may, and confirms after the boot',
    seconds: 120,
    systems: { next: { system: newInit }, back: {} },
    async run(stage) {
      const next = stage.closure('next').closure;
      const boots = stage.machine.boots;
      await stage.release('next', booting(stage, 'immediate'));
      const deferred = await stage.until('deferred');
      assert.equal(deferred.body.component, 'init');
      await stage.until('converged', ({ body }) => body.target.closure === next);
      await stage.endsOn(next);
      hasBooted(stage, next);
      assert.equal(stage.machine.boots, boots + 1);
      const order = ['deferred', 'rebooting', 'confirming', 'probes-passed', 'confirmed', 'converged'];
      assert.deepEqual(
        stage.kinds.filter((kind) => order.includes(kind)),
        order,
      );
      // And back to the init of the others, in the same way.
      await stage.release('back', booting(stage, 'immediate'));
      await stage.until('converged');
      await stage.endsOn(stage.closure('back').closure);
      assert.equal(stage.machine.boots, boots + 2);
    },
  },
  {
    name: 'exit 100: the switch itself says that it needs a boot',
    seconds: 120,
    systems: { next: { system: needsBoot } },
    async run(stage) {
      const next = stage.closure('next').closure;
      await stage.release('next', booting(stage, 'immediate'));
      await stage.until('deferred');
      await stage.until('converged', ({ body }) => body.target.closure === next);
      await stage.endsOn(next);
      hasBooted(stage, next);
    },
  },
  {
    name: 'what needs a boot is deferred by policy `never`, until a person boots it',
    seconds: 120,
    systems: { next: { system: needsBoot } },
    async run(stage) {
      const { machine } = stage;
      const next = stage.closure('next').closure;
      await stage.release('next');
      await stage.until('deferred');
      await stage.endsOn(stage.before);
      const why = await stage.world.why(machine.name);
      assert.deepEqual(
        why.withheld.map(({ code }) => code),
        ['reboot-needed'],
      );
      machine.run('nix-env', '--profile', '/nix/var/nix/profiles/system', '--set', next);
      machine.run(`${next}/bin/switch-to-configuration`, 'boot');
      stage.begin();
      await machine.reboot();
      await stage.until('converged', ({ body }) => body.target.closure === next);
      await stage.endsOn(next);
      hasBooted(stage, next);
    },
  },
  {
    name: 'a new kernel is switched to, waits for its window, and boots in it',
    seconds: 150,
    systems: { next: { system: newKernel } },
    async run(stage) {
      const next = stage.closure('next').closure;
      const { boots, booted } = stage.machine;
      await stage.release('next');
      await stage.until('reboot-pending', ({ body }) => body.component === 'kernel');
      await stage.until('converged', ({ body }) => body.target.closure === next);
      assert.equal(stage.machine.booted, booted);
      const opensInSeconds = 12;
      await stage.release('next', booting(stage, 'window', opensInSeconds));
      const opensAt = stage.channelNow.windows?.[0]?.from ?? '';
      const { at } = await stage.until('rebooting');
      assert.ok(at >= opensAt, `booted at ${at}, and the window opens at ${opensAt}`);
      await stage.until('converged', ({ body }) => body.switched);
      await stage.endsOn(next);
      hasBooted(stage, next);
      assert.equal(stage.machine.boots, boots + 1);
    },
  },
  {
    name: '`reboots` is raised: the machine boots once more, into what it ran',
    seconds: 120,
    systems: { next: {} },
    async run(stage) {
      const next = stage.closure('next').closure;
      const boots = stage.machine.boots;
      await stage.release('next');
      await stage.endsOn(next);
      assert.equal(stage.machine.boots, boots);
      await stage.release('next', (intent) => {
        stage.channel(intent).policy.reboots = 1;
      });
      await stage.until('rebooting');
      await stage.until('converged');
      await stage.endsOn(next);
      hasBooted(stage, next);
      assert.equal(stage.machine.boots, boots + 1);
    },
  },
  {
    name: 'the new init does not come up: the next boot is the old system',
    seconds: 120,
    systems: { next: { system: { ...newInit, boot: 'exit 9' } } },
    async run(stage) {
      await stage.release('next', booting(stage, 'immediate'));
      await stage.until('rebooting');
      await fellBack(stage, 'boot-failed');
    },
  },
  {
    name: 'the power is cut while the new init comes up',
    seconds: 120,
    systems: { next: { system: { ...newInit, boot: 'sleep 1000' } } },
    async run(stage) {
      const { machine } = stage;
      await stage.release('next', booting(stage, 'immediate'));
      await stage.until('rebooting');
      await machine.untilBootsInto(stage.closure('next').closure);
      await machine.powerCycle();
      await fellBack(stage, 'boot-failed');
    },
  },
  {
    name: 'a probe fails after the boot: it goes back by another',
    seconds: 150,
    systems: { next: { system: newInit, healthChecks: { never } } },
    async run(stage) {
      await stage.release('next', booting(stage, 'immediate'));
      await fellBack(stage, 'probe-failed');
    },
  },
  {
    name: 'no agent comes up after the boot: the machine goes back by itself',
    seconds: 180,
    systems: {
      next: {
        system: newInit,
        units: {
          'nixfleet-agent.service': { description: 'No agent', serviceConfig: { ExecStart: '/bin/sleep 1000' } },
        },
      },
    },
    async run(stage) {
      await stage.release('next', (next) => {
        booting(stage, 'immediate')(next);
        oneRetry(stage, next);
      });
      await stage.until('rebooting');
      await stage.machine.untilRuns(stage.closure('next').closure, stage.before);
      await stage.until('reverted');
      await stage.endsOn(stage.before);
      assert.equal(stage.machine.booted, stage.before);
    },
  },
  {
    name: 'somebody’s lock keeps the machine up: it boots when that is gone',
    seconds: 150,
    systems: { next: { system: needsBoot } },
    async run(stage) {
      const { machine } = stage;
      const next = stage.closure('next').closure;
      const unit = 'backup-at-work.service';
      const lock = ['systemd-inhibit', '--what=shutdown', '--mode=block', '--who=backup', '--why=dump'];
      machine.run('systemd-run', '--quiet', '--collect', `--unit=${unit}`, ...lock, 'sleep', '1000');
      const isLocked = (): boolean => machine.tryRun('systemd-inhibit', '--list', '--no-legend').includes('backup');
      await stage.sees('the lock stands', isLocked);
      await stage.release('next', booting(stage, 'immediate'));
      const { body } = await stage.until('refused');
      assert.deepEqual([body.reason, body.detail], ['reboot-refused', 'backup inhibits a shutdown: dump']);
      assert.deepEqual([machine.running, machine.profile], [stage.before, stage.before]);
      machine.run('systemctl', 'stop', unit);
      stage.begin();
      await stage.until('converged', (event) => event.body.target.closure === next);
      await stage.endsOn(next);
      hasBooted(stage, next);
    },
  },
  {
    name: 'a person who is logged in keeps the machine up, and is named: it boots when they have left',
    seconds: 150,
    systems: { next: { system: needsBoot } },
    async run(stage) {
      const { machine, world } = stage;
      const next = stage.closure('next').closure;
      const unit = 'person-at-work.service';
      // As sshd and login do it: logind learns of them from PAM.
      machine.write('/etc/pam.d/person', 'account required pam_permit.so\nsession required pam_systemd.so type=tty\n');
      const session = ['--property=PAMName=person', '--property=User=root', 'sleep', '1000'];
      machine.run('systemd-run', '--quiet', '--collect', `--unit=${unit}`, ...session);
      const isLoggedIn = (): boolean => /\broot\b/.test(machine.tryRun('loginctl', 'list-sessions', '--no-legend'));
      await stage.sees('somebody is logged in', isLoggedIn);
      await stage.release('next', booting(stage, 'immediate'));
      const { body } = await stage.until('refused');
      assert.deepEqual([body.reason, body.detail], ['reboot-refused', 'root is logged in']);
      const saysWhy = async (): Promise<boolean> =>
        (await world.why(machine.name)).sentences.some((said) => said.includes('root is logged in'));
      await stage.sees('why it does not boot', saysWhy);
      const { boots } = machine;
      await stays('it stays up', () => machine.boots === boots && machine.profile === stage.before, 2);
      machine.run('systemctl', 'stop', unit);
      stage.begin();
      await stage.until('converged', (event) => event.body.target.closure === next);
      await stage.endsOn(next);
      hasBooted(stage, next);
    },
  },
  {
    name: 'the power is cut after a boot was decided and before the loader was told: no failure, and it boots again',
    seconds: 180,
    systems: { next: { system: needsBoot } },
    async run(stage) {
      const next = stage.closure('next').closure;
      await cutWhileOrdering(stage, 'before');
      const { body } = await stage.until('unconfirmed');
      assert.equal(body.cause, 'rebooted', 'it did not fail to boot: it was never told to');
      await stage.until('converged', (event) => event.body.target.closure === next);
      await stage.endsOn(next);
      hasBooted(stage, next);
      assert.ok(!stage.state.quarantine.some(({ closure }) => closure === next));
      assert.ok(!stage.kinds.includes('failed'));
    },
  },
  {
    name: 'the power is cut after the loader was told, before the machine goes down: it comes up in the new one, and confirms',
    seconds: 150,
    systems: { next: { system: needsBoot } },
    async run(stage) {
      const next = stage.closure('next').closure;
      const boots = stage.machine.boots;
      await cutWhileOrdering(stage, 'after');
      await stage.until('converged', (event) => event.body.target.closure === next);
      await stage.endsOn(next);
      hasBooted(stage, next);
      assert.equal(stage.machine.boots, boots + 1);
      for (const kind of ['failed', 'unconfirmed'] as const) assert.ok(!stage.kinds.includes(kind), kind);
    },
  },
  {
    name: 'a loader that cannot boot something once: nothing is changed, and a person reboots',
    seconds: 120,
    systems: { next: { system: needsBoot } },
    async run(stage) {
      const { machine } = stage;
      const { boots } = machine;
      machine.remove('/boot/grub/grubenv');
      machine.run('mkdir', '/boot/grub/grubenv');
      try {
        await stage.release('next', booting(stage, 'immediate'));
        const { body } = await stage.until('refused');
        assert.equal(body.reason, 'reboot-refused');
        assert.match(body.detail ?? '', /^expected the next boot to be .*, read back nothing$|grub-reboot/);
        await stage.endsOn(stage.before);
        await stays('it stays up', () => machine.boots === boots && machine.running === stage.before, 2);
      } finally {
        machine.remove('/boot/grub/grubenv');
      }
    },
  },
];
