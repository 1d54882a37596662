import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Fixture } from './fixture.test.ts';

test('docs/control-plane.md lists exactly the metrics there are, with type and labels', async () => {
  await using fixture = await Fixture.start();
  const docs = readFileSync(new URL('../../../docs/control-plane.md', import.meta.url), 'utf8');
  const documented = [...docs.matchAll(/^\| `(nixfleet_\w+)` \| (\w+) \|([^|]*)\|/gm)].map(
    ([, name, type, labels]) => `${name} ${type} ${(labels ?? '').replaceAll('`', '').trim()}`,
  );
  const registered = fixture.controlPlane.metrics.registry.getMetricsAsArray().map((metric) => {
    const labels = 'labelNames' in metric ? (metric.labelNames as string[]).filter((label) => label !== 'le') : [];
    return `${metric.name} ${metric.type} ${labels.join(', ')}`;
  });
  assert.deepEqual(documented.toSorted(), registered.toSorted());
});

test('they tell what is', async () => {
  await using fixture = await Fixture.start();
  await fixture.join('canary', 'web-1', 'web-2', 'db');
  await fixture.converge('canary');
  await fixture.call(null, { path: '/v1/fleet', key: 'c'.repeat(64) });
  const { body } = await fixture.call('olivia', { path: '/metrics' });
  const text = String(body);
  for (const line of [
    'nixfleet_release_version 1',
    'nixfleet_trust_version 1',
    'nixfleet_hosts{health="converged"} 1',
    'nixfleet_hosts{health="waiting"} 3',
    'nixfleet_rollouts{state="active"} 1',
    'nixfleet_unknown_keys 1',
    'nixfleet_rebuilding 0',
    'nixfleet_events_stored_total 9',
    'nixfleet_requests_total{route="fleet",status="403"} 1',
    'nixfleet_source_polls_total{outcome="accepted"} 1',
  ]) {
    assert.ok(text.includes(`${line}\n`), `${line}\n${text}`);
  }
});
