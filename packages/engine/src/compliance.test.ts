import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type ChannelPolicy,
  type CompliancePolicy,
  ControlId,
  complianceCheck,
  type EventContent,
  type HostPhaseName,
  type HostState,
  type RuntimeGateErrorReason,
  type Sha256Hex,
  type StorePath,
} from '@nixfleet/contracts';
import { applyEvent } from './apply-event.ts';
import { manifest, PlannedFleet, type SketchedManifest, targetIn } from './fixtures/fleet.ts';
import {
  boot,
  closureOf,
  awaitedId as id,
  intentOf,
  memoryIn,
  noon,
  policy,
  switchPolicy,
  target,
  targetOf,
} from './fixtures/host.ts';
import { busy, ok, only, react } from './fixtures/react.ts';
import type { Intent } from './host-input.ts';

const evidenceSha256 = '5'.repeat(64) as Sha256Hex;

function passed(closure: StorePath): EventContent {
  return { kind: 'compliance-passed', body: { closure, activation: null, evidenceSha256, sequence: 1 } };
}

function failure(closure: StorePath, controlId: string, mode: CompliancePolicy['mode'] = 'enforce'): EventContent {
  return {
    kind: 'compliance-failure',
    body: {
      closure,
      activation: null,
      controlId: ControlId.parse(controlId),
      ruleIds: [],
      status: 'fail',
      mode,
      frameworkArticles: {},
      evidenceSha256,
      evidenceCollectedAt: noon,
      evidenceSnippetSha256: evidenceSha256,
      snippet: '{}',
    },
  };
}

function gateError(
  closure: StorePath,
  reason: RuntimeGateErrorReason,
  mode: CompliancePolicy['mode'] = 'enforce',
): EventContent {
  return {
    kind: 'runtime-gate-error',
    body: {
      closure,
      activation: null,
      reason,
      mode,
      collectorExitCode: null,
      evidenceCollectedAt: null,
      activationCompletedAt: null,
    },
  };
}

const enforcing = (onDrift?: CompliancePolicy['onDrift']): ChannelPolicy => ({
  ...policy,
  compliance: { mode: 'enforce', frameworks: ['nis2'], ...(onDrift && { onDrift }) },
});

function fold(state: HostState, ...contents: readonly EventContent[]): HostState {
  return contents.reduce((folded, content) => applyEvent(folded, { ...content, at: noon, bootId: boot }), state);
}

/** What a host knows of its controls after some events, having run its target. */
function standing(name: HostPhaseName, ...contents: readonly EventContent[]) {
  return memoryIn(name, {}, { ...fold(memoryIn(name).state, ...contents) });
}

describe('a host and the controls of its closure', () => {
  const run = target.closure;

  it('H25: a pass is a whole collection, failures add up until the next one, and only what is enforced counts', () => {
    const { state } = memoryIn('converged');
    assert.deepEqual(fold(state, passed(run)).compliance, {
      ...{ closure: run, failing: [], error: null, hasPassed: true },
      passed: { at: noon, evidenceSha256 },
    });
    const failing = fold(state, passed(run), failure(run, 'time-sync'), failure(run, 'audit'), failure(run, 'audit'));
    assert.deepEqual(failing.compliance, {
      ...{ closure: run, passed: null, error: null, hasPassed: true },
      failing: ['time-sync', 'audit'],
    });
    assert.deepEqual(fold(failing, passed(run)).compliance?.failing, []);
    assert.deepEqual(fold(state, gateError(run, 'stale')).compliance?.error, 'stale');
    for (const event of [failure(run, 'audit', 'permissive'), gateError(run, 'stale', 'permissive')]) {
      assert.equal(fold(state, event).compliance, undefined, event.kind);
      assert.deepEqual(fold(state, passed(run), event).compliance?.passed?.at, noon, event.kind);
    }
    const other = fold(state, passed(run), failure(closureOf('else'), 'audit')).compliance;
    assert.deepEqual([other?.hasPassed, other?.closure], [false, closureOf('else')], 'another closure starts anew');
  });

  it('H25: every activation, boot and revert forgets it', () => {
    const { state } = standing('fetching', passed(run));
    const body = { target, revertTo: closureOf('v1'), deadline: noon };
    const to = closureOf('v1');
    for (const event of [
      { kind: 'activating', body },
      { kind: 'rebooting', body: { ...body, component: 'kernel' } },
      { kind: 'reverted', body: { target, to, cause: 'failed', by: 'agent' } },
    ] as const) {
      assert.ok(state.compliance);
      assert.equal(fold(state, event).compliance, undefined, event.kind);
    }
  });

  it('H25: the policy of the switch goes with its probes, and a failing control is a failure of its own kind', () => {
    const fetching = react(memoryIn('pending'), { type: 'intent', intent: intentOf(target, { policy: enforcing() }) });
    assert.deepEqual(only(fetching.events, 'fetching').policy.compliance, enforcing().compliance);
    const state = { policy: { ...switchPolicy, compliance: enforcing().compliance } };
    const activated = react(memoryIn('activating', busy('activate'), state), { type: 'activated', id, outcome: ok });
    assert.deepEqual(
      activated.effects.map((effect) => effect.type === 'probe-afresh' && effect.compliance),
      [enforcing().compliance],
    );
    const probing = memoryIn('confirming', { probing: id, enforced: [complianceCheck] });
    const probe = { type: 'probe', id, check: complianceCheck, mode: 'enforce', failureThreshold: 1 } as const;
    const failed = react(probing, { ...probe, status: 'fail', detail: 'audit-logging' });
    assert.deepEqual(failed.kinds, ['probe', 'failed', 'reverting']);
    assert.equal(only(failed.events, 'failed').cause, 'compliance-failed');
    assert.equal(failed.after.state.quarantine[0]?.cause, 'compliance-failed');
    assert.deepEqual(react(probing, { ...probe, status: 'pass' }).kinds, ['probe', 'probes-passed']);
    assert.deepEqual(react(probing, { ...probe, mode: 'observe', status: 'fail' }).kinds, ['probe'], 'permissive');
  });

  it('H25: what passed and does not any more is told; by `hold` nothing starts, by `reactivate` once more', () => {
    const lapsed = standing('converged', passed(run), failure(run, 'audit'));
    const under = (onDrift: CompliancePolicy['onDrift'], to = target, change: Partial<Intent> = {}) => ({
      type: 'intent' as const,
      intent: intentOf(to, { policy: enforcing(onDrift), ...change }),
    });
    const newer = targetOf(3);
    assert.deepEqual(react(lapsed, under('report', newer)).kinds, ['fetching']);
    const held = react(lapsed, under('hold', newer));
    assert.deepEqual(only(held.events, 'withheld').withheld, { code: 'compliance', names: ['audit'] });
    assert.deepEqual(react(standing('converged', passed(run)), under('hold', newer)).kinds, ['fetching']);
    const never = standing('converged', failure(run, 'audit'));
    assert.deepEqual(react(never, under('hold', newer)).kinds, ['fetching'], 'it never passed: a release may mend it');
    const again = react(lapsed, under('reactivate'));
    assert.deepEqual(again.kinds, ['fetching']);
    assert.deepEqual(react(again.after, under('reactivate')).kinds, [], 'and goes on, though it runs its target');
    assert.deepEqual(react(lapsed, under('reactivate', target, { hasGo: false })).effects, []);
    assert.deepEqual(react(lapsed, under('report')).events, []);
    assert.deepEqual(react(never, under('reactivate')).events, [], 'once');
    const compliance: CompliancePolicy = { mode: 'permissive', frameworks: [], onDrift: 'hold' };
    const intent = intentOf(newer, { policy: { ...policy, compliance } });
    assert.deepEqual(react(lapsed, { type: 'intent', intent }).kinds, ['fetching'], 'only under enforce');
  });
});

describe('the planner and the controls of earlier waves', () => {
  const sketch = { introducedIn: 1, waves: [['a', 'b'], ['c']] };
  const enforced = (onDrift?: CompliancePolicy['onDrift'], more: Partial<ChannelPolicy> = {}) =>
    manifest({ ...sketch, policy: { compliance: enforcing(onDrift).compliance, ...more } });
  const pass = (fleet: PlannedFleet, of: SketchedManifest, ...names: string[]): PlannedFleet => {
    for (const name of names) fleet.tell(name, passed(targetIn(of, name).closure));
    return fleet;
  };
  const converged = (of: SketchedManifest, ...names: string[]): PlannedFleet =>
    new PlannedFleet({ stable: { current: of } }).converged(of, ...names);

  it('P27: under enforce a wave opens on a pass of each host that converged, and on silence never', () => {
    const of = enforced();
    const fleet = converged(of, 'a', 'b');
    assert.deepEqual(fleet.withheld('c'), [
      { code: 'compliance', names: ['a', 'b'], have: 0, need: 2, reason: 'no-pass' },
    ]);
    pass(fleet, of, 'a');
    assert.deepEqual(fleet.withheld('c')[0]?.names, ['b']);
    assert.deepEqual(fleet.goes(), []);
    fleet.tell('b', passed(closureOf('another')));
    assert.deepEqual(fleet.goes(), [], 'of this closure');
    assert.deepEqual(pass(fleet, of, 'b').goes(), ['c']);
    for (const mode of ['permissive', 'disabled'] as const) {
      const open = manifest({ ...sketch, policy: { compliance: { mode, frameworks: [] } } });
      assert.deepEqual(converged(open, 'a', 'b').goes(), ['c'], mode);
    }
  });

  it('P27: an enforced control that fails on any host of an earlier wave shuts the next, until it passes', () => {
    const of = enforced();
    const fleet = pass(converged(of, 'a', 'b'), of, 'a', 'b');
    const { closure } = targetIn(of, 'a');
    fleet.tell('a', failure(closure, 'time-sync'), failure(closure, 'audit'));
    const gate = { code: 'compliance', names: ['a'], have: 1, need: 2, reason: 'audit, time-sync' };
    assert.deepEqual(fleet.withheld('c'), [gate]);
    assert.deepEqual(pass(fleet, of, 'a').goes(), ['c']);
    fleet.tell('b', gateError(targetIn(of, 'b').closure, 'timeout'));
    assert.equal(fleet.withheld('c')[0]?.reason, 'timeout');
  });

  it('P27: who failed for its controls shuts the next wave also where failures are borne', () => {
    const promoteWhen = { convergedPercent: 50, receiptsPercent: 50 };
    const policyOf = { compliance: enforcing().compliance, maxFailures: { count: 1 } };
    const of = manifest({ ...sketch, promoteWhen, policy: policyOf });
    const fleet = pass(converged(of, 'a'), of, 'a');
    const failedBy = (cause: 'probe-failed' | 'compliance-failed') =>
      fleet.activating(of, 'b').tell('b', {
        kind: 'failed',
        body: { target: targetIn(of, 'b'), cause, revertTo: closureOf('v0') },
      });
    assert.deepEqual(failedBy('probe-failed').goes(), ['c']);
    assert.deepEqual(failedBy('compliance-failed').goes(), []);
    assert.deepEqual(fleet.withheld('c')[0]?.reason, 'compliance-failed');
  });

  it('P27: who is excused shuts nothing', () => {
    const promoteWhen = { convergedPercent: 100, receiptsPercent: 50 };
    const excusing = { compliance: enforcing().compliance, offlineGraceSeconds: 60 };
    const of = manifest({ ...sketch, promoteWhen, policy: excusing });
    const fleet = pass(converged(of, 'a'), of, 'a').offline('2026-06-01T08:00:00Z', 'b');
    assert.deepEqual(fleet.goes(), ['c']);
  });

  it('P26: a converged host whose controls do not pass any more is shown so, and switches again by `reactivate` alone', () => {
    for (const [onDrift, goes] of [
      [undefined, []],
      ['hold', []],
      ['reactivate', ['a']],
    ] as const) {
      const of = enforced(onDrift);
      const fleet = pass(converged(of, 'a', 'b', 'c'), of, 'a', 'b', 'c');
      fleet.tell('a', failure(targetIn(of, 'a').closure, 'audit'));
      assert.deepEqual(fleet.withheld('a'), [{ code: 'compliance', names: ['audit'] }], onDrift);
      assert.deepEqual([fleet.goes(), fleet.withheld('b')], [goes, []], onDrift);
    }
  });
});
