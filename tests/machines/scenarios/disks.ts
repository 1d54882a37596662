import assert from 'node:assert/strict';
import { holdable, type Scenario } from '../harness/scenario.ts';

/** More than a machine has to write for a release, and less than it has to fetch. */
const littleBytes = 64 * 1024;

export const disks: readonly Scenario[] = [
  {
    name: 'the boot partition is full when the release would be confirmed',
    seconds: 120,
    systems: { next: { system: { kernelVersion: '6.6.2' }, healthChecks: { holdable } } },
    async run(stage) {
      stage.holdProbe();
      await stage.release('next');
      await stage.until('confirming');
      stage.machine.limitBoot(0);
      stage.letProbeGo();
      const { body } = await stage.until('failed');
      assert.equal(body.cause, 'profile-not-set');
      await stage.until('reverted');
      await stage.endsOn(stage.before);
    },
  },
  {
    name: 'the boot partition has no room for a new kernel: nothing is fetched until it has',
    seconds: 120,
    systems: { next: { system: { kernelVersion: '6.6.4' } } },
    async run(stage) {
      const { machine } = stage;
      machine.limitBoot(0);
      await stage.release('next');
      const { body } = await stage.until('refused');
      assert.equal(body.reason, 'disk-full');
      assert.match(body.detail ?? '', /^the boot partition at \/boot needs \d+ KiB and has 0 KiB free/);
      assert.ok(!machine.has(stage.closure('next').closure), 'it was not fetched');
      machine.limitBoot(null);
      stage.begin();
      await stage.endsOn(stage.closure('next').closure);
    },
  },
  {
    name: 'the disk is full while it fetches',
    seconds: 180,
    systems: { next: { etc: { ballast: 'x'.repeat(100_000) } } },
    async run(stage) {
      stage.machine.limitDisk(littleBytes);
      await stage.release('next');
      await stage.until('refused');
      assert.equal(stage.machine.running, stage.before);
      stage.machine.limitDisk(null);
      stage.begin();
      await stage.endsOn(stage.closure('next').closure);
    },
  },
  {
    name: 'the disk is full when the state would be written',
    seconds: 180,
    systems: { next: { healthChecks: { holdable } } },
    async run(stage) {
      const next = stage.closure('next').closure;
      stage.holdProbe();
      await stage.release('next');
      await stage.until('confirming');
      stage.machine.limitDisk(0);
      stage.letProbeGo();
      stage.begin();
      // Nothing can be confirmed, and going back needs no disk.
      await stage.machine.untilRuns(stage.before);
      stage.machine.limitDisk(null);
      // Silence is tried again; where the profile could not be set, the closure has failed here.
      await stage.until('reverted');
      await stage.endsOn(stage.kinds.includes('failed') ? stage.before : next);
    },
  },
];
