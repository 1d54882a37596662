import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HostName, type StaticReport, sha256Hex, WaiverId } from '@nixfleet/contracts';
import { type EvaluatedCompliance, releasedClosures, staticGate } from '@nixfleet/evidence';
import { createTestFleet, TestEvidence, testWaiver } from '@nixfleet/testkit';
import { z } from 'zod';
import { ciReport } from './ci-report.ts';
import { noCatalogueRule } from './report-findings.ts';

const hostile = 'services.<x>&"y"\u0000\u{1b}]';

/** web-1 fails one rule and has another waived, web-2 is permissive, db cannot be evaluated, canary has no module. */
async function reportOfAll() {
  const fleet = await createTestFleet();
  const { document: waiver } = await testWaiver(fleet, { ruleId: 'AC-02' });
  await fleet.publish((next) => {
    for (const [name, channel] of Object.entries(next.channels)) {
      channel.policy.compliance = { mode: name === 'data' ? 'permissive' : 'enforce', frameworks: ['nis2'] };
    }
  });
  const { document } = (await fleet.verified()).fleet;
  const hosts = new Map<HostName, EvaluatedCompliance | null>();
  const rules = new Map<string, { name: string; remediation: string }>();
  for (const [name, { channel }] of Object.entries(document.hosts)) {
    const host = HostName.parse(name);
    const { catalogue, catalogueBytes } = new TestEvidence(fleet, name);
    const failing = name === 'web-1' ? ['AC-01', 'AC-02'] : channel === 'data' ? ['AC-01'] : [];
    const observations = ['AC-01', 'AC-02', 'AI-01'].flatMap((id) => {
      const passed = !failing.includes(id);
      const fix = passed ? '' : 'x.y = 1;';
      // One that nobody evaluated.
      if (name === 'web-2' && id === 'AI-01') return [];
      return [{ id, passed, expected: { x: 1 }, observed: { x: 2 }, optionPath: hostile, fix }];
    });
    const sha256 = await sha256Hex(fleet.ctx.crypto, catalogueBytes);
    hosts.set(
      host,
      name === 'canary'
        ? null
        : { catalogue, sha256, bytes: catalogueBytes.length, observations: observations as never },
    );
    for (const rule of catalogue.controls.flatMap((control) => control.rules)) rules.set(rule.id, rule);
  }
  const { report, blocking, warnings } = staticGate({
    fleet: document,
    hosts,
    closures: releasedClosures([...fleet.current.manifests.values()].map((manifest) => manifest.document)),
    carriedOver: new Set(),
    waivers: [waiver],
    waiverRegister: null,
    now: fleet.now,
  });
  return { report, rules, blocking, warnings };
}

const Text = z.strictObject({ text: z.string().min(1) });
/** What SARIF 2.1.0 demands of what we write (OASIS sarif-v2.1.0, sections 3.13 to 3.52), and nothing that it does not know. */
const Sarif = z.strictObject({
  $schema: z.url(),
  version: z.literal('2.1.0'),
  runs: z.tuple([
    z.strictObject({
      tool: z.strictObject({
        driver: z.strictObject({
          name: z.string().min(1),
          version: z.string().min(1),
          rules: z.array(
            z.strictObject({ id: z.string().min(1), shortDescription: Text.optional(), help: Text.optional() }),
          ),
        }),
      }),
      columnKind: z.enum(['utf16CodeUnits', 'unicodeCodePoints']),
      results: z.array(
        z.strictObject({
          ruleId: z.string().min(1),
          ruleIndex: z.int().min(0),
          level: z.enum(['none', 'note', 'warning', 'error']),
          kind: z.literal('fail'),
          message: Text,
          locations: z.tuple([
            z.strictObject({
              physicalLocation: z.strictObject({ artifactLocation: z.strictObject({ uri: z.string().min(1) }) }),
              logicalLocations: z.tuple([
                z.strictObject({ name: z.string(), fullyQualifiedName: z.string(), kind: z.string() }),
              ]),
            }),
          ]),
          partialFingerprints: z.record(z.string(), z.string()),
          suppressions: z
            .array(
              z.strictObject({
                kind: z.enum(['inSource', 'external']),
                status: z.enum(['accepted', 'underReview', 'rejected']),
                justification: z.string(),
              }),
            )
            .optional(),
          properties: z.record(z.string(), z.unknown()),
        }),
      ),
    }),
  ]),
});

test('SARIF: what stops a release is an error, what does not a warning, what is waived is suppressed', async () => {
  const { report, rules, blocking, warnings } = await reportOfAll();
  const [run] = Sarif.parse(JSON.parse(ciReport('sarif', report, rules))).runs;
  const { results, tool } = run;
  for (const { ruleId, ruleIndex } of results) assert.equal(tool.driver.rules[ruleIndex]?.id, ruleId);
  const of = (level: string) => results.filter((result) => result.level === level);
  const key = ({ partialFingerprints }: (typeof results)[number]) => partialFingerprints['hostAndRule/v1'];
  const expected = (all: typeof blocking) =>
    all.map(({ host, controlId, ruleId }) => `${host}/${controlId ?? ''}/${ruleId ?? noCatalogueRule}`).sort();
  assert.deepEqual(of('error').map(key).sort(), expected(blocking));
  assert.deepEqual(of('warning').map(key).sort(), expected(warnings));
  assert.ok(blocking.length >= 3 && warnings.length >= 1, 'every kind is there');
  assert.deepEqual(of('note').map(key), ['web-1/access-control/AC-02']);
  assert.deepEqual(of('note')[0]?.suppressions, [
    { kind: 'external', status: 'accepted', justification: `waived by ${WaiverId.parse('W-2026-0001')}` },
  ]);
  assert.equal(new Set(results.map(key)).size, results.length, 'a fingerprint is of one finding');
  assert.match(
    of('error').find((one) => key(one) === 'web-1/access-control/AC-01')?.message.text ?? '',
    /fix: x\.y = 1;/,
  );
  assert.equal(ciReport('sarif', report, rules), ciReport('sarif', report, rules));
});

test('JUnit: counts agree, what stops a release fails, and no text can leave its place', async () => {
  const { report, rules, blocking } = await reportOfAll();
  const xml = ciReport('junit', report, rules);
  const cases = [...xml.matchAll(/<testcase [^>]*?(?:\/>|>(.*?)<\/testcase>)/gs)].map(([, inner]) => inner ?? '');
  const count = (element: string) => cases.filter((inner) => inner.startsWith(`<${element}`)).length;
  assert.match(
    xml,
    new RegExp(
      `^<\\?xml version="1.0" encoding="UTF-8"\\?>\\n<testsuites name="compliance" tests="${cases.length}" ` +
        `failures="${count('failure')}" errors="${count('error')}" skipped="${count('skipped')}">`,
    ),
  );
  assert.equal(count('failure') + count('error'), blocking.length);
  assert.ok(count('error') >= 1 && count('failure') >= 2 && count('skipped') >= 2);
  assert.match(
    xml,
    /classname="web-1\.access-control" name="AC-02 Rule AC-02"><skipped message="waived by W-2026-0001"\/>/,
  );
  assert.match(
    xml,
    /classname="canary\.host" name="no-catalogue"><failure message="no compliance module is imported">/,
  );
  assert.ok(xml.includes('services.&lt;x&gt;&amp;&quot;y&quot;\u{fffd}\u{fffd}]'));
  // Every tag is one of ours, and each is closed in its order.
  const open: string[] = [];
  for (const [, slash, name, self] of xml.matchAll(/<(\/?)([a-z]+)[^<>]*?(\/?)>/g)) {
    if (slash === '/') assert.equal(open.pop(), name);
    else if (self !== '/') open.push(name ?? '');
  }
  assert.deepEqual(open, []);
  assert.deepEqual(
    new Set([...xml.matchAll(/<([a-z]+)/g)].map(([, name]) => name)),
    new Set(['testsuites', 'testsuite', 'testcase', 'failure', 'error', 'skipped']),
  );
});

test('a report of nothing is a report', () => {
  const summary = { hosts: 0, pass: 0, fail: 0, error: 0, waived: 0, blocking: 0 };
  const empty = { hosts: {}, summary } as unknown as StaticReport;
  assert.deepEqual(Sarif.parse(JSON.parse(ciReport('sarif', empty, new Map()))).runs[0].results, []);
  assert.match(
    ciReport('junit', empty, new Map()),
    /tests="0" failures="0" errors="0" skipped="0">\n<\/testsuites>\n$/,
  );
});
