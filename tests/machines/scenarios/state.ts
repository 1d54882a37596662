import assert from 'node:assert/strict';
import type { Scenario } from '../harness/scenario.ts';

const agent = 'nixfleet-agent.service';

export const state: readonly Scenario[] = [
  {
    name: 'the state directory is lost',
    seconds: 90,
    systems: { next: {} },
    async run(stage) {
      const { machine } = stage;
      const told = await stage.told();
      machine.run('systemctl', 'stop', agent);
      machine.run('sh', '-c', 'rm -rf /var/lib/nixfleet-agent/*');
      stage.newJournal();
      machine.run('systemctl', 'start', agent);
      // Nothing is left that could say that it ever had another.
      await stage.untilNewJournal('first-contact', told);
      await stage.release('next');
      await stage.endsOn(stage.closure('next').closure);
    },
  },
  {
    name: 'the journal is damaged',
    seconds: 90,
    systems: { next: {} },
    async run(stage) {
      const { machine } = stage;
      const told = await stage.told();
      machine.run('systemctl', 'stop', agent);
      machine.run('sed', '-i', '2s/.*/{"event":"damaged"}/', '/var/lib/nixfleet-agent/journal/journal.jsonl');
      machine.run('systemctl', 'start', agent);
      stage.newJournal();
      await stage.untilNewJournal('state-lost', told);
      await stage.release('next');
      await stage.endsOn(stage.closure('next').closure);
    },
  },
  {
    name: 'the floors are damaged: nothing starts until somebody has looked',
    seconds: 90,
    systems: { next: {} },
    async run(stage) {
      const { machine } = stage;
      machine.run('systemctl', 'stop', agent);
      machine.write('/var/lib/nixfleet-agent/floors.json', '{"damaged":');
      machine.run('systemctl', 'start', agent);
      await stage.until('withheld', ({ body }) => body.withheld?.refusal === 'floor-unreadable');
      await stage.release('next');
      await stage.endsOn(stage.before);
      machine.run('systemctl', 'stop', agent);
      machine.remove('/var/lib/nixfleet-agent/floors.json');
      machine.run('systemctl', 'start', agent);
      stage.begin();
      await stage.endsOn(stage.closure('next').closure);
    },
  },
  {
    name: 'the host is restored from a snapshot',
    seconds: 120,
    systems: { next: {} },
    async run(stage) {
      const { machine } = stage;
      await machine.cutPower();
      machine.snapshot();
      await machine.start();
      await stage.release('next');
      await stage.endsOn(stage.closure('next').closure);
      const told = await stage.told();
      await machine.cutPower();
      machine.restore();
      await machine.start();
      assert.equal(machine.running, stage.before);
      stage.newJournal();
      stage.begin();
      await stage.untilNewJournal('restored', told);
      await stage.endsOn(stage.closure('next').closure);
    },
  },
];
