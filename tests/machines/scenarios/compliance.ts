import assert from 'node:assert/strict';
import type { CompliancePolicy } from '@nixfleet/contracts';
import type { TestIntent } from '@nixfleet/testkit';
import { stays } from '../../loop/harness/until.ts';
import type { Scenario } from '../harness/scenario.ts';
import type { Stage } from '../harness/stage.ts';

export const collectorUnit = 'compliance-evidence-collector.service';
/** What no release says and BH-06 does not let pass, and what puts it right. */
export const wrongSysctl = { 'net.ipv4.conf.all.log_martians': 0, 'net.ipv4.conf.host0.log_martians': 0 };
const sysctlOf = (value: 0 | 1) => Object.keys(wrongSysctl).map((key) => `${key}=${value}`);

/** Until a collection that hangs is given up, and the host is back. */
const hangingSeconds = 240;

export function policed(
  stage: Stage,
  compliance: Pick<CompliancePolicy, 'mode'> & Partial<CompliancePolicy>,
): (next: TestIntent) => void {
  return (next) => {
    stage.channel(next).policy.compliance = { frameworks: ['nis2'], ...compliance };
  };
}

const enforced = (stage: Stage, onDrift?: CompliancePolicy['onDrift']) =>
  policed(stage, { mode: 'enforce', ...(onDrift ? { onDrift } : {}) });

/** As its timer starts it; the agent looks once a minute. */
function collectAgain({ machine }: Stage): void {
  machine.run('systemctl', 'start', collectorUnit);
}

async function untilReason(stage: Stage, code: string | null): Promise<void> {
  const { world, machine } = stage;
  const isShown = async (): Promise<boolean> => ((await world.why(machine.name)).withheld[0]?.code ?? null) === code;
  await stage.sees(`the reason ${code}`, isShown);
}

/** A gate that cannot judge lets nothing pass. */
async function gateError(stage: Stage, reason: string): Promise<void> {
  await stage.release('next', enforced(stage));
  const { body } = await stage.until('runtime-gate-error', (event) => event.body.activation !== null);
  assert.deepEqual(
    [body.reason, body.mode, body.closure],
    [reason, 'enforce', stage.closure('next').closure],
    body.detail,
  );
  await stage.until('reverted');
  await stage.endsOn(stage.before);
  assert.ok(!stage.kinds.includes('confirmed'));
  const failed = stage.events.find((event) => event.kind === 'failed');
  assert.equal(failed?.body.cause, 'compliance-failed');
  assert.equal(stage.state.quarantine.at(-1)?.closure, stage.closure('next').closure);
}

/** Somebody at the machine makes an enforced control fail. */
async function lapses(stage: Stage, onDrift: CompliancePolicy['onDrift']): Promise<void> {
  const next = stage.closure('next').closure;
  await stage.release('next', enforced(stage, onDrift));
  await stage.endsOn(next);
  stage.machine.run('sysctl', '--quiet', ...sysctlOf(0));
  collectAgain(stage);
  stage.begin();
  const { body } = await stage.until('compliance-drift');
  assert.deepEqual([body.closure, body.controlId, body.ruleIds], [next, 'baseline-hardening', ['BH-06']]);
}

/** By the shipped unit and its probes: each way to fail is told by its own reason, and ends where it began. */
const drills: readonly Scenario[] = [
  {
    name: 'a drill at runtime: the synthetic control fails, and the host goes back',
    seconds: 90,
    systems: { next: { compliance: { drill: 'runtime' } } },
    async run(stage) {
      await stage.release('next', enforced(stage));
      const { body } = await stage.until('compliance-failure');
      assert.deepEqual([body.controlId, body.ruleIds, body.mode], ['synthetic-always-fail', ['SY-01'], 'enforce']);
      await stage.until('reverted');
      await stage.endsOn(stage.before);
      assert.ok(!stage.kinds.includes('confirmed'));
    },
  },
  ...(['malformed', 'stale', 'unsigned'] as const).map((drill) => ({
    name: `a drill, ${drill}: no evidence that counts, and the host goes back`,
    seconds: 90,
    systems: { next: { compliance: { drill } } },
    run: (stage: Stage) => gateError(stage, drill === 'unsigned' ? 'unverified' : drill),
  })),
];

export const compliance: readonly Scenario[] = [
  {
    name: 'a runtime rule fails under `permissive`: confirmed, and told',
    seconds: 90,
    systems: { next: { compliance: { sysctl: wrongSysctl } } },
    async run(stage) {
      await stage.release('next', policed(stage, { mode: 'permissive' }));
      const { body } = await stage.until('compliance-failure');
      assert.deepEqual([body.controlId, body.ruleIds, body.mode], ['baseline-hardening', ['BH-06'], 'permissive']);
      await stage.endsOn(stage.closure('next').closure);
      assert.ok(stage.kinds.includes('confirmed') && !stage.kinds.includes('failed'));
    },
  },
  {
    name: 'enforced, and the unit of the collector is not there: back, and a gate error',
    seconds: 90,
    systems: { next: { compliance: { collector: 'missing' } } },
    run: (stage) => gateError(stage, 'collector-failed'),
  },
  {
    name: 'enforced, and the agent knows of no collector: back, and a gate error',
    seconds: 90,
    systems: { next: { compliance: { collector: 'untold' } } },
    run: (stage) => gateError(stage, 'no-collector'),
  },
  {
    name: 'enforced, and the collector hangs: back when its time is over, and a gate error',
    seconds: hangingSeconds,
    systems: { next: { compliance: { collector: 'hangs' } } },
    run: (stage) => gateError(stage, 'timeout'),
  },
  ...drills,
  {
    name: 'the agent is killed while it waits for the collector: it asks again, and confirms',
    seconds: 90,
    systems: { next: { compliance: {} } },
    async run(stage) {
      const isCollecting = (): boolean =>
        stage.machine.tryRun('systemctl', 'show', '--value', '--property=ActiveState', collectorUnit).trim() ===
        'activating';
      await stage.release('next', enforced(stage));
      await stage.until('confirming');
      await stage.sees('a collection is under way', isCollecting);
      stage.machine.run('systemctl', 'kill', '--signal=KILL', 'nixfleet-agent.service');
      await stage.endsOn(stage.closure('next').closure);
      const confirmed = stage.events.findIndex(({ kind }) => kind === 'confirmed');
      // What ran before may have been measured once more meanwhile.
      const firstPass = stage.events.findIndex(
        (event) => event.kind === 'compliance-passed' && event.body.closure === stage.closure('next').closure,
      );
      assert.ok(firstPass !== -1 && firstPass < confirmed, stage.kinds.join(' '));
    },
  },
  {
    name: 'a control that passed fails by hand, by policy `report`: told and shown, and left alone',
    seconds: 120,
    systems: { next: { compliance: {} } },
    async run(stage) {
      const next = stage.closure('next').closure;
      await lapses(stage, 'report');
      await untilReason(stage, 'compliance');
      await stays(
        'it is left alone',
        () => stage.machine.running === next && stage.state.phase.name === 'converged',
        3,
      );
      await stage.endsOn(next);
    },
  },
  {
    name: 'the same by policy `hold`: nothing starts until it passes again',
    seconds: 150,
    systems: { next: { compliance: {} }, last: { compliance: {} } },
    async run(stage) {
      await lapses(stage, 'hold');
      await stage.release('last', enforced(stage, 'hold'));
      await stage.until('withheld', ({ body }) => body.withheld?.code === 'compliance');
      await untilReason(stage, 'compliance');
      assert.equal(stage.machine.running, stage.closure('next').closure);
      stage.machine.run('sysctl', '--quiet', ...sysctlOf(1));
      collectAgain(stage);
      stage.begin();
      await stage.endsOn(stage.closure('last').closure);
    },
  },
  {
    name: 'the same by policy `reactivate`: its closure is switched to once more, measured, and passes',
    seconds: 150,
    systems: { next: { compliance: {} } },
    async run(stage) {
      const next = stage.closure('next').closure;
      await lapses(stage, 'reactivate');
      const since = stage.events.findIndex(({ kind }) => kind === 'compliance-drift');
      const isMended = (): boolean => {
        const kinds = stage.kinds.slice(since);
        return kinds.indexOf('activating') !== -1 && kinds.lastIndexOf('confirmed') > kinds.indexOf('activating');
      };
      await stage.sees('it was switched to again, and confirmed', isMended);
      await stage.endsOn(next);
      assert.equal(stage.machine.run('sysctl', '--values', 'net.ipv4.conf.all.log_martians').trim(), '1');
      assert.deepEqual(stage.state.compliance?.failing, []);
    },
  },
];
