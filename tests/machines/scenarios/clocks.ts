import assert from 'node:assert/strict';
import { holdable, type Scenario } from '../harness/scenario.ts';
import type { Stage } from '../harness/stage.ts';

const agent = 'nixfleet-agent.service';
const dropIn = `/run/systemd/system/${agent}.d/clock.conf`;
const offsetFile = '/run/faults/clock';

/** The wall clock of the agent alone can be set: machines share the kernel's. */
const settable = `[Service]
Environment=LD_PRELOAD=/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1
Environment=FAKETIME_TIMESTAMP_FILE=${offsetFile} FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1
`;

async function withSettableClock(stage: Stage, run: (set: (offset: string) => void) => Promise<void>): Promise<void> {
  const { machine } = stage;
  const set = (offset: string): void => machine.write(offsetFile, `${offset}\n`);
  set('+0');
  machine.write(dropIn, settable);
  machine.run('systemctl', 'daemon-reload');
  machine.run('systemctl', 'restart', agent);
  await stage.until('started');
  try {
    await run(set);
  } finally {
    machine.remove(dropIn);
    machine.run('systemctl', 'daemon-reload');
    machine.run('systemctl', 'restart', agent);
  }
}

/**
 * Deadlines are monotonic (design §4), and confirming needs no fresh head: a clock that somebody sets confirms nothing and
 * reverts nothing. What was being confirmed is confirmed.
 */
function jumps(name: string, offset: string): Scenario {
  return {
    name,
    seconds: 120,
    systems: { next: { healthChecks: { holdable } } },
    run: (stage) =>
      withSettableClock(stage, async (set) => {
        stage.holdProbe();
        await stage.release('next');
        await stage.until('confirming');
        set(offset);
        stage.letProbeGo();
        await stage.endsOn(stage.closure('next').closure);
        assert.deepEqual(
          stage.kinds.filter((kind) => kind === 'reverted' || kind === 'unconfirmed' || kind === 'failed'),
          [],
        );
      }),
  };
}

export const clocks: readonly Scenario[] = [
  jumps('the clock jumps a day ahead during the confirmation', '+1d'),
  jumps('the clock jumps a day back during the confirmation', '-1d'),
  {
    name: 'no clock at the first boot: nothing starts until it is set',
    seconds: 90,
    systems: { next: {} },
    async run(stage) {
      const { machine } = stage;
      machine.write('/var/lib/no-time-server', '');
      await machine.reboot();
      await stage.release('next');
      await stage.until('withheld', ({ body }) => body.withheld?.code === 'clock-unsynchronised');
      assert.equal(machine.running, stage.before);
      machine.remove('/var/lib/no-time-server');
      machine.run('systemctl', 'start', 'time-sync.service');
      stage.begin();
      await stage.endsOn(stage.closure('next').closure);
    },
  },
];
