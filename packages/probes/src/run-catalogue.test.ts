import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '@nixfleet/contracts/node-clock';
import { parseCatalogue, runCatalogue, tasksOf } from './run-catalogue.ts';

const probe = {
  command: '/nix/store/00000000000000000000000000000000-none/bin/nixfleet-probe',
  ...{ args: ['age'], timeoutSecs: 30, expect: { violationCount: 0 }, schema: 'test/v1', privilege: 'user' },
  ...{ network: 'none', maxOutputBytes: 65_536, applicability: 'always' },
};
const rule = (id: string, more: object) => ({
  ...{ id, name: 'A rule', severity: 'minimal', tags: [], hostTypes: [], architectures: [], articles: {} },
  ...{ remediation: 'None.', via: null, hasStatic: false, probe, isAttested: false, unmeasured: null, ...more },
});
const control = (controlId: string, mode: string, ...rules: readonly object[]) => ({
  ...{ controlId, title: 'A control', purpose: 'A test.', type: 'both', schema: 'test/v1', articles: {}, mode, rules },
});
const bytes = (...controls: readonly object[]): Uint8Array =>
  new TextEncoder().encode(
    JSON.stringify({
      ...{ type: 'compliance-catalogue', schemaVersion: 1, version: '1', host: 'web-1', system: 'x86_64-linux' },
      governance: {
        ...{ mode: 'enforce', level: 'minimal', hostType: 'server', architecture: 'x86_64', presets: {}, excludes: [] },
      },
      ...{ collectIntervalSeconds: 3600, controls },
    }),
  );
const options = { clock: systemClock, environment: {}, unprivileged: null };

test('what is run: active rules with a probe, of controls that are not switched off', () => {
  const catalogue = parseCatalogue(
    bytes(
      control(
        'one',
        'permissive',
        rule('AA-01', {}),
        rule('AA-02', { via: 'level' }),
        rule('AA-03', { probe: null, hasStatic: true }),
        rule('AA-04', { isAttested: true }),
      ),
      control('two', 'disabled', rule('BB-01', {})),
    ),
  );
  assert.deepEqual(
    tasksOf(catalogue).map(({ ruleId }) => ruleId),
    ['AA-01'],
  );
});

test('raw runs, also of a program that is not there', async () => {
  const { host, runs } = await runCatalogue(bytes(control('one', 'enforce', rule('AA-01', {}))), options);
  assert.equal(host, 'web-1');
  assert.equal(runs['AA-01']?.problem, 'could not be started: ENOENT');
  assert.equal(runs['AA-01']?.exitCode, null);
});

test('what is no catalogue, or too long for one', () => {
  assert.throws(() => parseCatalogue(new TextEncoder().encode('{}')), { code: 'malformed' });
  assert.throws(() => parseCatalogue(new TextEncoder().encode('x')), { code: 'malformed' });
  assert.throws(() => parseCatalogue(new Uint8Array(1024 * 1024 + 1)), { code: 'oversized' });
});
