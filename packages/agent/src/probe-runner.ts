import { type CheckMode, CheckName, type Clock, complianceCheck, type HealthCheck } from '@nixfleet/contracts';
import type { HostEffect, HostInput } from '@nixfleet/engine';
import type { ComplianceGate, GateSession } from './compliance/compliance-gate.ts';
import type { ProbeResult, Probes } from './probes.ts';

/** Under this name a closure fails whose checks cannot be read. */
const unreadableChecks = CheckName.parse('health-checks');

interface RunnerDeps {
  readonly probes: Probes;
  readonly gate: Pick<ComplianceGate, 'open'>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly emit: (input: HostInput) => void;
}

/**
 * Probes what a closure declares, from the copy inside it, which its digest signs, until `signal` aborts. A closure whose
 * declaration is there and cannot be read fails: what cannot be checked cannot be confirmed.
 */
export async function runProbes(
  { id, closure, compliance }: Omit<Extract<HostEffect, { type: 'probe-afresh' }>, 'type'>,
  deps: RunnerDeps,
): Promise<void> {
  const { emit, probes, gate } = deps;
  const read = await probes.declared(closure);
  if (!read.ok) {
    emit({ type: 'checks-known', id, enforced: [unreadableChecks] });
    const mode = 'enforce' as const;
    emit({
      type: 'probe',
      id,
      check: unreadableChecks,
      status: 'fail',
      mode,
      failureThreshold: 1,
      detail: read.detail,
    });
    return;
  }
  const controls = await gate.open(closure, compliance);
  const checks = [
    ...read.checks.map(([name, check]) => [name, repeatable(check, probes, controls)] as const),
    ...(controls ? [[complianceCheck, controls] as const] : []),
  ].filter(([, { mode }]) => mode !== 'disabled');
  emit({
    type: 'checks-known',
    id,
    enforced: checks.filter(([, { mode }]) => mode === 'enforce').map(([name]) => name),
  });
  await Promise.all(checks.map(([name, check]) => repeat(id, name, check, deps)));
}

/** A check as it is repeated, whatever runs it. */
interface RepeatedCheck {
  readonly mode: CheckMode;
  readonly intervalSeconds: number;
  readonly failureThreshold: number;
  run(signal: AbortSignal): Promise<ProbeResult>;
}

function repeatable(check: HealthCheck, probes: Probes, controls: GateSession | null): RepeatedCheck {
  const { mode, intervalSeconds, failureThreshold } = check;
  const unmeasured: ProbeResult = { status: 'fail', detail: 'the closure measures no controls' };
  const run: RepeatedCheck['run'] =
    check.kind === 'evidence'
      ? async () => controls?.newest(check) ?? unmeasured
      : (signal) => probes.run(check, signal);
  return { mode, intervalSeconds, failureThreshold, run };
}

async function repeat(
  id: number,
  name: CheckName,
  check: RepeatedCheck,
  { signal, clock, emit }: RunnerDeps,
): Promise<void> {
  const { mode, failureThreshold } = check;
  while (!signal.aborted) {
    const { status, detail } = await check.run(signal);
    emit({
      type: 'probe',
      id,
      check: name,
      status,
      mode,
      failureThreshold,
      ...(detail === undefined ? {} : { detail }),
    });
    await clock.sleep(check.intervalSeconds * 1000, signal);
  }
}
