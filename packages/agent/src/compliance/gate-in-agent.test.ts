import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { ChannelPolicy } from '@nixfleet/contracts';
import { TestEvidence, testCatalogue } from '@nixfleet/testkit';
import { World } from '../agent-world.test.ts';
import { TestCollector } from './test-collector.test.ts';

const directory = mkdtempSync(join(tmpdir(), 'nixfleet-gated-'));
after(() => rmSync(directory, { recursive: true }));
const declared = 'etc/nixfleet/compliance.json';

function enforce(policy: ChannelPolicy): void {
  policy.compliance = { mode: 'enforce', frameworks: ['nis2'] };
}

/** An agent whose closures all have one catalogue, and a collector that measures what the test says. */
async function gatedWorld() {
  const world = await World.create();
  await world.publish(1, enforce);
  const evidence = new TestEvidence(world.fleet, 'canary', testCatalogue('canary'));
  mkdirSync(join(directory, 'etc/nixfleet'), { recursive: true });
  writeFileSync(join(directory, declared), evidence.catalogueBytes);
  world.host.locate = (path) => path.replace(/^\/nix\/store\/[^/]+/, directory);
  const collector = new TestCollector(world.fleet, evidence, () => world.clock.instant());
  world.collector = collector;
  return { world, collector };
}

test('under enforce a host confirms and converges on a pass, which its journal tells first', async () => {
  const { world, collector } = await gatedWorld();
  await world.start();
  await world.pass(25);
  assert.equal(world.phase, 'converged');
  const { kinds } = world;
  const order = ['confirming', 'compliance-passed', 'probe', 'probes-passed', 'confirmed', 'converged'];
  assert.deepEqual(
    kinds.filter((kind) => order.includes(kind)),
    order,
  );
  const passed = world.plane.events.find((event) => event.kind === 'compliance-passed');
  assert.ok(passed?.kind === 'compliance-passed');
  const target = await world.fleet.target('canary');
  assert.equal(passed.body.activation?.rolloutId, target.rolloutId);
  const [{ context, order: ordered } = { context: null, order: null }] = collector.asked;
  assert.equal(ordered?.trigger, 'activation');
  assert.deepEqual(
    [context?.closure, context?.closureDigest, context?.mode, context?.release?.rolloutId],
    [target.closure, target.closureDigest, 'enforce', target.rolloutId],
  );
  await world.stop();
});

test('a control that fails after activation is never confirmed: the host goes back and is measured again', async () => {
  const { world, collector } = await gatedWorld();
  await world.start();
  await world.pass(25);
  const good = world.host.current;
  collector.failing = ['AC-01'];
  await world.publish(2, enforce);
  await world.pass(25);
  const failed = world.plane.events.find((event) => event.kind === 'failed');
  assert.ok(failed?.kind === 'failed');
  assert.equal(failed.body.cause, 'compliance-failed');
  assert.deepEqual([world.host.current, world.host.default], [good, good]);
  assert.equal(world.kinds.filter((kind) => kind === 'confirmed').length, 1, 'the first release alone');
  const after = world.kinds.slice(world.kinds.indexOf('reverted'));
  assert.ok(
    after.some((kind) => kind.startsWith('compliance-') || kind === 'runtime-gate-error'),
    'measured on the old closure',
  );
  assert.equal(world.agent?.loop.memory.state.quarantine[0]?.cause, 'compliance-failed');
  await world.stop();
});

test('a collector that is missing keeps a release from being confirmed, and the journal says so', async () => {
  const { world } = await gatedWorld();
  world.collector = null;
  await world.start();
  await world.pass(25);
  const error = world.plane.events.find((event) => event.kind === 'runtime-gate-error');
  assert.ok(error?.kind === 'runtime-gate-error');
  assert.equal(error.body.reason, 'no-collector');
  assert.ok(!world.kinds.includes('confirmed'));
  await world.stop();
});
