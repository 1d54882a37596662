import assert from 'node:assert/strict';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import {
  addSeconds,
  canonicalBytes,
  DrillRecord,
  HostName,
  type Instant,
  type Json,
  lookup,
  reportPath,
  type StaticReport,
  sealDocument,
} from '@nixfleet/contracts';
import { accepted, present, testCatalogue, testWaiver } from '@nixfleet/testkit';
import { readStaticReport } from './compliance.ts';
import { drillsDirectory } from './drill-records.ts';
import type { ProgressEvent } from './progress.ts';
import { verifyTree } from './publish.ts';
import { waiversDirectory } from './read-waivers.ts';
import { ReleaseLab } from './release-lab.test.ts';
import { signRelease } from './sign-release.ts';

const optionPath = 'services.openssh.settings.PasswordAuthentication';

/** What the Nix half says of a host: its catalogue as text, and one observation for each static rule. */
function complianceOf(host: string, failing: readonly string[]): object {
  const catalogue = testCatalogue(host);
  const rules = catalogue.controls.flatMap((control) => control.rules.filter(({ hasStatic }) => hasStatic));
  return {
    catalogue: JSON.stringify(catalogue),
    static: rules.map(({ id }) => {
      const passed = !failing.includes(id);
      const fix = passed ? '' : `${optionPath} = false;`;
      return { id, passed, expected: { [optionPath]: false }, observed: { [optionPath]: !passed }, optionPath, fix };
    }),
  };
}

describe('the static gate, with a real evaluation, repository and forge', () => {
  let lab: ReleaseLab;
  const hosts = ['canary', 'db', 'web-1', 'web-2'];
  const told: ProgressEvent[] = [];
  /** What CI would be given. */
  const reports: { readonly report: StaticReport; readonly names: readonly string[] }[] = [];

  before(async () => {
    lab = await ReleaseLab.create();
    for (const channel of Object.values(lab.intent.channels)) {
      channel.policy.compliance = { mode: 'enforce', frameworks: ['nis2'] };
    }
  });
  after(() => lab[Symbol.asyncDispose]());

  async function evaluatesTo(failing: Readonly<Record<string, readonly string[] | null>> = {}) {
    const entries = hosts
      .filter((host) => failing[host] !== null)
      .map((host) => [host, complianceOf(host, failing[host] ?? [])]);
    await writeFile(lab.at('source/compliance.json'), JSON.stringify(Object.fromEntries(entries)));
    await lab.commit();
  }

  function release() {
    told.length = 0;
    return lab.release({
      ports: { ...lab.ports, progress: { report: (event) => told.push(event) } },
      onStaticReport: async (found, rules) => {
        reports.push({ report: found, names: [...rules.values()].map(({ name }) => name) });
      },
    });
  }

  async function refused(pattern: RegExp) {
    const before = await lab.tip();
    const outcome = await release();
    assert.ok(!outcome.ok, 'expected a refusal');
    assert.equal(outcome.reason, 'compliance-failed', outcome.detail);
    assert.match(outcome.detail, pattern);
    assert.equal(await lab.tip(), before, 'nothing was published');
    assert.deepEqual(
      told.filter(({ step }) => step === 'sign' || step === 'push'),
      [],
      'nothing was pushed or signed',
    );
  }

  async function report(): Promise<StaticReport> {
    const { tree } = await lab.target.snapshot();
    const now = lab.clock.instant();
    const verified = accepted(await verifyTree(lab.ctx, { tree, start: lab.start, now }));
    const read = accepted(await readStaticReport(lab.ctx, tree, verified.release.document));
    for (const host of Object.values(read?.hosts ?? {})) {
      const path = reportPath(present(host.catalogue, 'a catalogue').sha256);
      assert.ok(await tree.read(path, 1 << 20), 'the catalogue is published with it');
    }
    return present(read, 'a static report');
  }

  test('an unwaived failure stops the release, and says host, control, option, values and fix', async () => {
    await evaluatesTo({ 'web-1': ['AC-01'] });
    await refused(/1 rules fail under enforce on web-1/);
    const failure = told.find(({ step, state }) => step === 'static-gate' && state === 'failed');
    assert.equal(failure?.host, 'web-1');
    const ci = reports.at(-1);
    assert.deepEqual([ci?.report.summary.blocking, ci?.report.summary.hosts], [1, 4], 'told although it is refused');
    assert.ok(ci?.names.includes('Rule AC-01'));
    assert.deepEqual(failure?.detail?.split('\n'), [
      `access-control AC-01: ${optionPath}`,
      `observed {"${optionPath}":true}`,
      `expected {"${optionPath}":false}`,
      `fix: ${optionPath} = false;`,
    ]);
  });

  test('a host without the compliance module does not pass', async () => {
    await evaluatesTo({ db: null });
    await refused(/on db/);
  });

  test('a catalogue that is another host’s, or none, is refused by name', async () => {
    await evaluatesTo();
    const swapped = { ...Object.fromEntries(hosts.map((host) => [host, complianceOf('web-1', [])])) };
    await writeFile(lab.at('source/compliance.json'), JSON.stringify(swapped));
    await lab.gitCommit('swapped');
    const outcome = await release();
    assert.ok(!outcome.ok && outcome.reason === 'compliance-invalid', JSON.stringify(outcome));
    assert.match(outcome.detail, /canary: its catalogue is that of web-1/);
  });

  const recordOf = (endedAt: Instant, more: object = {}) =>
    DrillRecord.parse({
      ...{ type: 'drill', fleet: lab.fleet.name, schemaVersion: 1, id: 'D-2026-0001', rule: 'SY-01', failAt: 'static' },
      ...{ hosts: ['web-1'], rolloutId: null, commit: 'c'.repeat(40), startedAt: addSeconds(endedAt, -60) },
      ...{ deadline: endedAt, endedAt, limitSeconds: 300, passed: true },
      steps: [{ name: 'release-refused', isObserved: true, afterSeconds: 60, shownBy: [] }],
      ...more,
    });

  async function releaseWith(document: DrillRecord, approvedBy: readonly string[]) {
    const { bytes, sshSignatures } = await lab.fleet.sign(document, [], approvedBy);
    const folder = lab.at(`source/${drillsDirectory}`);
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
    await writeFile(`${folder}/D-2026-0001.json`, bytes);
    for (const [keyId, armored] of sshSignatures ?? []) {
      await writeFile(`${folder}/D-2026-0001.json.${keyId}.sshsig`, armored);
    }
    await lab.commit();
    return release();
  }

  test('a record of a drill that no approver signed is refused by name, unless it is too old to rest on', async () => {
    await evaluatesTo();
    const now = lab.clock.instant();
    const recent = addSeconds(now, -86_400);
    const cases: readonly [DrillRecord, readonly string[], RegExp][] = [
      [recordOf(recent), [], /D-2026-0001\.json: no approver signed it/],
      [recordOf(recent), ['ci'], /no approver signed it/],
      [recordOf(recent, { passed: false }), ['alice'], /passed is false/],
    ];
    for (const [document, approvedBy, expected] of cases) {
      const outcome = await releaseWith(document, approvedBy);
      assert.ok(!outcome.ok && outcome.reason === 'compliance-invalid', JSON.stringify(outcome));
      assert.match(outcome.detail, expected);
    }
    accepted(await releaseWith(recordOf(recent), ['alice']));
    accepted(await releaseWith(recordOf(addSeconds(now, -400 * 86_400)), []));
  });

  test('a waiver that nobody signed waives nothing, and is told', async () => {
    await evaluatesTo({ 'web-1': ['AC-01'] });
    const { signed } = await testWaiver(lab.fleet);
    await mkdir(lab.at(`source/${waiversDirectory}`), { recursive: true });
    await writeFile(lab.at(`source/${waiversDirectory}/W-2026-0001.json`), signed.bytes);
    await lab.gitCommit('a waiver without a signature');
    await refused(/on web-1/);
    const warned = told.find(({ step, state }) => step === 'static-gate' && state === 'warning');
    assert.match(warned?.detail ?? '', /W-2026-0001: alice, whom it names, has not signed it/);
  });

  test('signed by an approver it lets the release pass; report and register are bound by it', async () => {
    const { signed } = await testWaiver(lab.fleet);
    for (const [keyId, armored] of signed.sshSignatures ?? []) {
      await writeFile(lab.at(`source/${waiversDirectory}/W-2026-0001.json.${keyId}.sshsig`), armored);
    }
    await lab.gitCommit('the signature');
    const run = accepted(await release());
    assert.ok(run.kind === 'published');
    const { document } = { document: run.summary.assembly.release };
    assert.ok(document.staticReport && document.waiverRegister);
    const read = await report();
    assert.deepEqual(read.summary, { hosts: 4, pass: 11, fail: 1, error: 0, waived: 1, blocking: 0 });
    const rule = lookup(read.hosts, 'web-1')?.controls[0]?.rules[0];
    assert.deepEqual([rule?.status, rule?.decision, rule?.waiverId], ['fail', 'waived', 'W-2026-0001']);
  });

  test('an hour later there is nothing to release; after the end of the waiver the next release is stopped', async () => {
    await lab.clock.advance(3600_000);
    assert.equal(accepted(await release()).kind, 'nothing-to-release');
    const warned = told.filter(({ step, state }) => step === 'static-gate' && state === 'warning');
    const ends =
      /^W-2026-0001 ends in \d+ days, at .*: access-control AC-01 on web-1 rests on it \(owner .*, approved by alice\)\. Mend/;
    assert.deepEqual([warned.length, ends.test(warned[0]?.detail ?? '')], [1, true], warned[0]?.detail ?? 'no warning');
    await lab.clock.advance(30 * 86_400_000);
    await refused(/on web-1/);
  });

  test('mended, it is released; a failure under permissive is told and stops nothing', async () => {
    await evaluatesTo();
    assert.equal(accepted(await release()).kind, 'published');
    assert.equal((await report()).summary.fail, 0);
    const stable = present(lab.intent.channels.stable, 'stable');
    stable.policy.compliance = { mode: 'permissive', frameworks: ['nis2'] };
    await evaluatesTo({ 'web-1': ['AC-02'] });
    assert.equal(accepted(await release()).kind, 'published');
    const warned = told.filter(({ step, state }) => step === 'static-gate' && state === 'warning');
    assert.ok(warned.some(({ host, detail }) => host === 'web-1' && detail?.includes('AC-02')));
  });

  test('the signer refuses a report that does not cover every host, and a release without one', async () => {
    await evaluatesTo();
    const run = accepted(await lab.release({ isDryRun: true, force: true }));
    assert.ok(run.kind === 'dry-run');
    const { assembly } = run.summary;
    const trust = lab.start;
    const published = (await lab.target.snapshot()).tree;
    const signers = [await lab.fleet.keyOf('ci')];
    const now = lab.clock.instant();
    const sign = async (change: (draft: StaticReport) => unknown, isBound = true) => {
      const draft = structuredClone(present(assembly.compliance, 'compliance').report);
      change(draft);
      const sealed = await sealDocument(lab.ctx.crypto, draft);
      const { staticReport, ...rest } = assembly.release;
      const ref = { sha256: sealed.sha256, bytes: sealed.bytes.length };
      const document = { ...rest, ...(isBound ? { staticReport: ref } : {}) };
      const { sha256, bytes } = await sealDocument(lab.ctx.crypto, document);
      const files = new Map(assembly.change.files).set(reportPath(sealed.sha256), sealed.bytes);
      files.set(`release/${sha256}.json`, bytes);
      const input = { change: { files, removed: new Set<string>() }, sha256, trust, signers, now, published };
      const signed = await signRelease(lab.ctx, input);
      return signed.ok ? 'signed' : `${signed.reason}: ${signed.detail}`;
    };
    assert.equal(await sign(() => {}), 'signed');
    const web = HostName.parse('web-1');
    assert.match(await sign((draft) => delete draft.hosts[web]), /does not cover host web-1/);
    assert.match(await sign(() => {}, false), /no static report/);
    const hostOf = (draft: StaticReport) => present(lookup(draft.hosts, web), 'web-1');
    const hollow = await sign((draft) => Object.assign(hostOf(draft), { controls: [] }));
    assert.match(hollow, /compliance-failed: .*web-1: control access-control is missing/);
    const foreign = { sha256: 'f'.repeat(64) };
    const unknown = await sign((draft) => Object.assign(present(hostOf(draft).catalogue, 'a catalogue'), foreign));
    assert.match(unknown, /web-1: its catalogue: reports\/f+.json is not there/);
    const closure = present(assembly.closures.get(HostName.parse('db')), 'a closure').closure;
    assert.match(
      await sign((draft) => Object.assign(hostOf(draft), { closure })),
      /web-1: it is about .*, released is/,
    );
  });

  test('the signer does not take the word of a release for the time at which its waivers counted', async () => {
    const stable = present(lab.intent.channels.stable, 'stable');
    stable.policy.compliance = { mode: 'enforce', frameworks: ['nis2'] };
    const now = lab.clock.instant();
    const ends = addSeconds(now, 3600);
    const { signed } = await testWaiver(lab.fleet, { createdAt: now, reviewAt: ends, expiresAt: ends });
    const path = lab.at(`source/${waiversDirectory}/W-2026-0001.json`);
    await rm(lab.at(`source/${waiversDirectory}`), { recursive: true });
    await mkdir(lab.at(`source/${waiversDirectory}`), { recursive: true });
    await writeFile(path, signed.bytes);
    for (const [keyId, armored] of signed.sshSignatures ?? []) await writeFile(`${path}.${keyId}.sshsig`, armored);
    await evaluatesTo({ 'web-1': ['AC-01'] });
    const run = accepted(await lab.release({ isDryRun: true, force: true }));
    assert.ok(run.kind === 'dry-run');
    const { change, sha256 } = run.summary.assembly;
    const signing = { change, sha256, trust: lab.start, published: (await lab.target.snapshot()).tree };
    const sign = async (at: Instant) =>
      signRelease(lab.ctx, { ...signing, signers: [await lab.fleet.keyOf('ci')], now: at });
    assert.ok((await sign(addSeconds(ends, -1))).ok);
    const late = await sign(ends);
    assert.ok(!late.ok && late.reason === 'compliance-failed');
    assert.match(late.detail, /W-2026-0001, which it rests on for AC-01 on web-1, ran out at/);
  });

  test('a host that keeps its closure keeps what was measured of it, under the catalogue in it', async () => {
    await evaluatesTo();
    assert.equal(accepted(await release()).kind, 'published');
    const before = present(lookup((await report()).hosts, 'web-2'), 'web-2');
    lab.versions['web-2'] = 'broken';
    await lab.commit();
    assert.equal(accepted(await lab.release({ carryOver: true })).kind, 'published');
    assert.deepEqual(lookup((await report()).hosts, 'web-2'), { ...before, isCarriedOver: true });
    lab.versions['web-2'] = '1.0';
    await lab.commit();
  });

  test('the report is the same bytes for the same inputs', async () => {
    const one = accepted(await lab.release({ isDryRun: true, force: true }));
    await lab.clock.advance(60_000);
    const two = accepted(await lab.release({ isDryRun: true, force: true }));
    assert.ok(one.kind === 'dry-run' && two.kind === 'dry-run');
    const text = (json: unknown) => Buffer.from(canonicalBytes(json as Json)).toString('hex');
    assert.equal(text(one.summary.assembly.compliance?.report), text(two.summary.assembly.compliance?.report));
  });

  test('a record by an approver who has left since holds, and none of a time after that', async () => {
    await evaluatesTo();
    await lab.clock.advance(3600_000);
    const now = lab.clock.instant();
    await lab.fleet.nextTrust((draft) => {
      draft.signedAt = addSeconds(now, -60);
      Object.assign(draft.roles.approver, { signers: ['bob'], emergencyThreshold: 1 });
    });
    await lab.publishTrust();
    accepted(await releaseWith(recordOf(addSeconds(now, -61)), ['alice']));
    accepted(await releaseWith(recordOf(now), ['bob']));
    const outcome = await releaseWith(recordOf(addSeconds(now, -60)), ['alice']);
    assert.ok(!outcome.ok && outcome.reason === 'compliance-invalid', JSON.stringify(outcome));
    assert.match(outcome.detail, /no approver signed it, of now or of then/);
  });
});
