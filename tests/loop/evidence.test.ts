// Evidence on its way: measured by the collector that a closure is gated by, delivered by the agent, kept by a control plane that
// nobody trusts with it, and read from there over TLS.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { systemClock } from '@nixfleet/agent';
import {
  addSeconds,
  ComplianceCatalogue,
  HostName,
  msToInstant,
  reportPath,
  StaticObservation,
  type StaticReport,
  sha256Hex,
  utf8,
} from '@nixfleet/contracts';
import { nodeCrypto, privateKeyToPem } from '@nixfleet/contracts/node-crypto';
import { releasedClosures, staticGate } from '@nixfleet/evidence';
import { testCatalogue, testKey, testRule } from '@nixfleet/testkit';
import { Lab, onAll, oneHost } from './harness/lab.ts';
import type { LoopHost } from './harness/loop-host.ts';
import { type CommandEnd, nixfleet, nixfleetMain } from './harness/nixfleet-command.ts';
import { until } from './harness/until.ts';

const enforced = oneHost();
for (const { policy } of Object.values(enforced.channels)) {
  policy.compliance = { mode: 'enforce', frameworks: ['nis2'] };
}
const lab = await Lab.open({ intent: enforced });
after(() => lab[Symbol.asyncDispose]());
const canary = lab.host('canary');
const collected = join(canary.directory, 'evidence');
const home = join(lab.directory, 'olivia');
mkdirSync(home);

/** What a reader goes by, whatever the control plane says. */
const trusted = ['--releases', lab.releases, '--trust', join(lab.releases, 'trust/1.json')];

/** A catalogue of one rule, whose probe the host's store has. */
function catalogueFor({ name, directory }: LoopHost): string {
  const source = join(directory, 'probe');
  mkdirSync(source);
  writeFileSync(join(source, 'probe'), '#!/bin/sh\necho \'{"violationCount":0}\'\n');
  chmodSync(join(source, 'probe'), 0o755);
  const added = execFileSync('nix-store', ['--store', join(directory, 'store'), '--add', source], { encoding: 'utf8' });
  const rule = testRule('AC-01');
  const probe = { ...rule.probe, command: `${added.trim()}/probe` };
  const [control] = testCatalogue(name).controls;
  return JSON.stringify(testCatalogue(name, [{ ...control, rules: [{ ...rule, probe }] }]));
}

/** The static report of what was signed last: the configuration passes. */
async function evaluated(catalogue: string): Promise<StaticReport> {
  const { fleet, manifests } = await lab.fleet.verified();
  const passing = { id: 'AC-01', passed: true, expected: {}, observed: {}, optionPath: 'x.y', fix: '' };
  const host = {
    catalogue: ComplianceCatalogue.parse(JSON.parse(catalogue)),
    sha256: await sha256Hex(nodeCrypto, utf8(catalogue)),
    bytes: utf8(catalogue).length,
    observations: [StaticObservation.parse(passing)],
  };
  const { report } = staticGate({
    fleet: fleet.document,
    hosts: new Map([[HostName.parse(canary.name), host]]),
    closures: releasedClosures([...manifests.values()].map(({ document }) => document)),
    carriedOver: new Set(),
    waivers: [],
    waiverRegister: null,
    now: lab.fleet.now,
  });
  return report;
}

/** Settings of an agent with the program that the collector's unit runs. */
function withCollector({ directory, root }: LoopHost): (config: Record<string, unknown>) => void {
  const store = join(directory, 'store');
  const inClosure = `"${store}$(readlink '${root}/run/current-system')/etc/nixfleet/compliance.json"`;
  const args = ['--directory', collected, '--key', join(directory, 'key'), '--store', store, '--system-root', root];
  const program = [process.execPath, nixfleetMain, 'compliance', 'collect', ...args];
  return (config) => {
    const command = ['/bin/sh', '-c', `exec "$@" --catalogue ${inClosure}`, 'collector', ...program];
    config.collector = { command, directory: collected };
  };
}

/** As the operator olivia, at the control plane. */
async function asOlivia(...args: readonly string[]): Promise<CommandEnd> {
  const identity = join(home, 'key.pem');
  writeFileSync(identity, privateKeyToPem((await testKey('operator:olivia')).privateKey), { mode: 0o600 });
  const pin = (await testKey('control-plane')).keyId;
  return nixfleet(
    [...args, ...trusted, '--identity', identity, '--control-plane', canary.route.url, '--pin', pin],
    home,
  );
}

test('what a host measured is at the control plane, verifies there, and makes a packet that holds', async () => {
  const catalogue = catalogueFor(canary);
  await lab.sign(onAll(await lab.system('1', { compliance: catalogue })));
  lab.fleet.files.set(reportPath(await sha256Hex(nodeCrypto, utf8(catalogue))), utf8(catalogue));
  const staticReport = await evaluated(catalogue);
  await lab.sign((next) => Object.assign(next, { staticReport }));
  // Those before it were there to be evaluated, and have no report: no signer would have signed them.
  const { sha256 } = (await lab.fleet.verified()).release;
  for (const path of lab.fleet.files.keys()) {
    if (path.startsWith('release/') && !path.includes(sha256)) lab.fleet.files.delete(path);
  }
  lab.writeTree();
  canary.configure(withCollector(canary));
  await lab.controlPlane.start();
  canary.startProcess();
  await lab.converged();
  const kinds = canary.kinds();
  assert.ok(kinds.indexOf('compliance-passed') < kinds.indexOf('confirmed'), kinds.join(' '));
  await until('its evidence at the control plane', async () => {
    return (await lab.controlPlane.evidence('canary')).evidence.length > 0;
  });

  const status = await asOlivia('compliance', 'status', '--live');
  assert.equal(status.exitCode, 0, status.stderr);
  assert.match(status.stdout, /^canary +pass +\S+ \S+ +verified +current$/m);

  const now = msToInstant(systemClock.now());
  const period = ['--from', addSeconds(now, -3600), '--to', addSeconds(now, 60)];
  const evidence = ['--evidence', join(lab.directory, 'fetched')];
  const fetched = await asOlivia('compliance', 'fetch', ...period, ...evidence);
  assert.equal(fetched.exitCode, 0, fetched.stderr);
  assert.match(fetched.stdout, /^canary: [1-9]\d* documents? of \d days?, 0 days there already; \d+ events$/m);

  await lab.controlPlane.stop('SIGTERM');
  const output = ['--output', join(lab.directory, 'packet.zip')];
  const made = await nixfleet(['compliance', 'packet', 'create', ...period, ...evidence, ...output, ...trusted], home);
  assert.equal(made.exitCode, 0, made.stdout + made.stderr);
  assert.match(made.stdout, /^canary: [1-9]\d* collections?, .*; journal verified$/m);
  assert.match(made.stdout, /everything holds/);
});
