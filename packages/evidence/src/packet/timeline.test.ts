import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { addSeconds, type EvidenceDocument, Instant, RuleId, WaiverId } from '@nixfleet/contracts';
import { createTestFleet, TestEvidence } from '@nixfleet/testkit';
import { spansMax, TimelineBuilder } from './timeline.ts';

const from = Instant.parse('2026-06-01T00:00:00Z');
const [hour, day] = [3600, 86_400];

const fleet = await createTestFleet();
await fleet.publish();
const evidence = new TestEvidence(fleet, 'web-1');
const [good, bad] = [(await evidence.collect()).document, (await evidence.collect({ failing: ['AC-01'] })).document];

function at(document: EvidenceDocument, seconds: number): EvidenceDocument {
  return { ...document, collectedAt: addSeconds(from, seconds) };
}

/** The failure of AC-01, waived. */
function waived(document: EvidenceDocument, id = 'W-2026-0001'): EvidenceDocument {
  const waiverId = WaiverId.parse(id);
  const controls = document.controls.map((control) => {
    if (control.decision !== 'fail') return control;
    const rules = control.rules.map((rule) => (rule.status === 'fail' ? { ...rule, decision, waiverId } : rule));
    return { ...control, decision, rules };
  });
  return { ...document, controls };
}
const decision = 'waived' as const;

describe('gaps', () => {
  test('a host that collects daily at six has none, wherever the period begins', () => {
    const builder = new TimelineBuilder({ from, to: addSeconds(from, 7 * day) });
    for (let days = 0; days < 7; days++) builder.add(at(good, days * day + 6 * hour), day);
    assert.deepEqual(builder.finish().gaps, []);
  });

  test('what is longer than twice the interval is one: before, between and after', () => {
    const builder = new TimelineBuilder({ from, to: addSeconds(from, 20 * hour) });
    for (const hours of [3, 4, 7, 8]) builder.add(at(good, hours * hour), hour);
    const gap = (start: number, end: number) => ({
      from: addSeconds(from, start * hour),
      to: addSeconds(from, end * hour),
    });
    assert.deepEqual(builder.finish().gaps, [gap(0, 3), gap(4, 7), gap(8, 20)]);
  });

  test('between two collections the interval of the earlier one counts', () => {
    const builder = new TimelineBuilder({ from, to: addSeconds(from, 3 * day) });
    builder.add(at(good, 0), hour);
    builder.add(at(good, 20 * hour), day);
    builder.add(at(good, 60 * hour), hour);
    assert.deepEqual(
      builder.finish().gaps.map((gap) => gap.from),
      [from, addSeconds(from, 60 * hour)],
    );
  });

  test('no collection at all is one, however short the period, unless nothing was to be collected', () => {
    const period = { from, to: addSeconds(from, 60) };
    assert.deepEqual(new TimelineBuilder(period).finish().gaps, [period]);
    assert.deepEqual(new TimelineBuilder(period, { asked: [] }).finish().gaps, []);
  });
});

test('only while collections are asked for is their absence a gap, each time by itself', () => {
  const period = { from, to: addSeconds(from, 100 * hour) };
  const time = (start: number, end: number) => ({
    from: addSeconds(from, start * hour),
    to: addSeconds(from, end * hour),
  });
  const asked = [time(10, 30), time(50, 60)];
  assert.deepEqual(new TimelineBuilder(period, { asked }).finish().gaps, asked);
  const builder = new TimelineBuilder(period, { asked });
  for (let hours = 11; hours < 27; hours++) builder.add(at(good, hours * hour), hour);
  for (let hours = 52; hours < 59; hours++) builder.add(at(good, hours * hour), hour);
  assert.deepEqual(builder.finish().gaps, [time(26, 30)], 'it joined, stopped too early, came back and left');
  assert.deepEqual(
    builder.finish(3).gaps,
    [{ ...time(0, 11), named: 3 }, time(26, 30)],
    'its journal names earlier ones',
  );
});

describe('spans', () => {
  const period = { from, to: addSeconds(from, 5000 * hour) };

  test('past the most that are kept, the worst decision and the newest status stay', () => {
    const builder = new TimelineBuilder(period);
    let hours = 0;
    for (; hours < spansMax; hours++) builder.add(at(hours % 2 === 0 ? waived(bad) : good, hours * hour), hour);
    assert.equal(builder.finish().failures.size, 0, 'what is waived is no failure');
    for (let i = 0; i < 500; i++) builder.add(at(bad, hours++ * hour), hour);
    builder.add(at(good, hours++ * hour), hour);
    for (let i = 0; i < 10; i++) builder.add(at(good, hours++ * hour), hour);
    const { controls, failures, rules } = builder.finish();
    const spans = controls.get('access-control') ?? [];
    assert.equal(spans.length, spansMax);
    const last = spans.at(-1);
    assert.deepEqual(
      { ...last, from: null },
      {
        ...{ from: null, to: addSeconds(from, (hours - 1) * hour), status: 'pass', decision: 'fail' },
        ...{ waivers: [], failing: ['AC-01'], changesFolded: 2 },
      },
    );
    assert.deepEqual([...failures], [['access-control', 500]]);
    assert.deepEqual(rules.get('AC-01'), { status: 'pass', decision: 'pass' });
    assert.deepEqual(rules.get('PL-01'), { status: 'not-applicable', decision: 'none' });
  });

  test('another waiver for the same failure is another span', () => {
    const builder = new TimelineBuilder(period);
    for (const [i, id] of ['W-2026-0001', 'W-2026-0001', 'W-2026-0002'].entries()) {
      builder.add(at(waived(bad, id), i * hour), hour);
    }
    const spans = builder.finish().controls.get('access-control');
    assert.deepEqual(
      spans?.map(({ waivers }) => waivers),
      [['W-2026-0001'], ['W-2026-0002']],
    );
  });

  test('rules are those of the last collection', () => {
    const builder = new TimelineBuilder(period);
    builder.add(at(good, 0), hour);
    builder.add(at(bad, hour), hour);
    assert.deepEqual(builder.finish().rules.get(RuleId.parse('AC-01')), { status: 'fail', decision: 'fail' });
  });
});
