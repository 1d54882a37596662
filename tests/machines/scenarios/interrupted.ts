import type { Scenario } from '../harness/scenario.ts';
import type { Stage } from '../harness/stage.ts';

/** A switch that takes its time at every stage, so that something can happen in the middle of each. */
const unhurried = {
  system: { activation: 'mkdir -p /run/faults; touch /run/faults/activating; sleep 2' },
  healthChecks: {
    unhurried: {
      kind: 'exec',
      command: ['/bin/sh', '-c', 'sleep 1; test ! -e /run/sick'],
      intervalSeconds: 1,
      timeoutSeconds: 5,
      failureThreshold: 2,
    },
  },
};
const soakSeconds = 3;
const secondsMax = 120;

const stages = ['fetching', 'activating', 'confirming', 'committing', 'soaking'] as const;
type StageName = (typeof stages)[number];

async function reach(stage: Stage, name: StageName): Promise<void> {
  const { machine, world } = stage;
  if (name === 'fetching') world.cache.faults.set(stage.address, 'slow');
  await stage.release('next', (next) => {
    for (const wave of stage.channel(next).waves) wave.soakSeconds = soakSeconds;
  });
  switch (name) {
    case 'fetching':
      await stage.until('fetching');
      break;
    case 'activating':
      await stage.sees('the switch activates', () => machine.read('/run/faults/activating') !== null);
      break;
    case 'confirming':
      await stage.until('confirming');
      break;
    case 'committing':
      await stage.until('probes-passed');
      break;
    case 'soaking':
      await stage.until('confirmed');
      break;
  }
}

function unreachable(stage: Stage): () => void {
  stage.machine.run('ip', 'route', 'add', 'blackhole', '10.99.0.2');
  return () => {
    // Where it went back by a boot there is none any more.
    stage.machine.tryRun('ip', 'route', 'flush', 'type', 'blackhole');
  };
}

/** What happens, and what a person at the machine would then put right. */
const disturbances: Readonly<Record<string, (stage: Stage, name: StageName) => Promise<void>>> = {
  'the agent is killed': async ({ machine }) => {
    machine.run('systemctl', 'kill', '--kill-who=main', '--signal=KILL', 'nixfleet-agent.service');
  },
  'the control plane cannot be reached': async (stage, name) => {
    const mend = unreachable(stage);
    const kinds = name === 'soaking' ? ['converged', 'unconfirmed'] : ['reverted', 'withheld', 'confirmed'];
    const hasNoticed = (): boolean => stage.kinds.some((kind) => kinds.includes(kind));
    await stage.sees('it has gone on or back', hasNoticed);
    mend();
  },
  'the machine reboots': ({ machine }) => machine.reboot(),
  'the power is cut': ({ machine }) => machine.powerCycle(),
};

/** Every disturbance at every stage: the release is there in the end all the same. */
export const interrupted: readonly Scenario[] = Object.entries(disturbances).flatMap(([what, disturb]) =>
  stages.map((name) => ({
    name: `${what} while ${name}`,
    seconds: secondsMax,
    systems: { next: unhurried },
    async run(stage: Stage) {
      await reach(stage, name);
      await disturb(stage, name);
      stage.world.cache.faults.delete(stage.address);
      await stage.endsOn(stage.closure('next').closure);
    },
  })),
);
