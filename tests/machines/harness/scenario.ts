import { describe, test } from 'node:test';
import { until } from '../../loop/harness/until.ts';
import { heldProbe, Stage } from './stage.ts';
import type { SystemSpec } from './system-builder.ts';
import type { World } from './world.ts';

/** What befalls one host, from a release on. */
export interface Scenario {
  readonly name: string;
  /** Most that may pass until the host is where it should be. */
  readonly seconds: number;
  /** What an activation may take: on a busy machine one that does not hang takes ten. Default: 30. */
  readonly activationSeconds?: number;
  /** The systems it releases, by version. */
  readonly systems: Readonly<Record<string, SystemSpec>>;
  readonly run: (stage: Stage) => Promise<void>;
}

/** A health check that does not end while the stage holds it (`Stage.holdProbe`), so that something can happen while a release confirms. */
export const holdable = {
  kind: 'exec',
  command: ['/bin/sh', '-c', `while test -e ${heldProbe}; do sleep 0.1; done`],
  intervalSeconds: 1,
  timeoutSeconds: 60,
  failureThreshold: 2,
} as const;

/** Longest until the control plane has heard of a host that was put right, in seconds. */
const heardSecondsMax = 90;

interface Lane {
  readonly host: string;
  readonly scenarios: { readonly id: string; readonly scenario: Scenario }[];
  seconds: number;
}

/** Divides scenarios among hosts, so that hosts work side by side and each takes one after the other; wants their systems. */
export function assign(world: World, hosts: readonly string[], scenarios: readonly Scenario[]): readonly Lane[] {
  const lanes: Lane[] = hosts.map((host) => ({ host, scenarios: [], seconds: 0 }));
  const longestFirst = [...scenarios.entries()].sort(([, a], [, b]) => b.seconds - a.seconds);
  for (const [i, scenario] of longestFirst) {
    const lane = lanes.reduce((least, other) => (other.seconds < least.seconds ? other : least));
    const id = `s${i + 1}`;
    lane.scenarios.push({ id, scenario });
    lane.seconds += scenario.seconds;
    for (const [version, spec] of Object.entries(scenario.systems)) world.want(lane.host, `${id}-${version}`, spec);
  }
  return lanes;
}

/** The tests of these lanes, side by side. */
export function play(world: World, lanes: readonly Lane[]): void {
  describe('what befalls a host', { concurrency: true }, () => {
    for (const { host, scenarios } of lanes) {
      describe(host, { concurrency: 1 }, () => {
        for (const { id, scenario } of scenarios) {
          test(scenario.name, async (context) => {
            await makeWell(world, host);
            const { seconds, activationSeconds = 30 } = scenario;
            const machine = world.machine(host);
            await scenario.run(new Stage({ world, machine, test: context, scenario: id, seconds, activationSeconds }));
          });
        }
      });
    }
  });
}

/** What a scenario before this one broke, also where it failed half way. */
async function makeWell(world: World, host: string): Promise<void> {
  const machine = world.machine(host);
  world.cache.faults.delete(world.addressOf(host));
  machine.limitDisk(null);
  machine.limitBoot(null);
  if (!machine.isUp) await machine.powerCycle();
  machine.plugIn();
  machine.tryRun('rm', '-rf', '/run/sick', '/run/faults');
  machine.tryRun('ip', 'route', 'flush', 'type', 'blackhole');
  const isHeard = async (): Promise<boolean> =>
    (await world.view()).hosts.find(({ name }) => name === host)?.online === true;
  await until(`${host} is heard`, isHeard, { seconds: heardSecondsMax, explain: () => machine.log });
}
