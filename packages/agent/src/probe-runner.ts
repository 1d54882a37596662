import { CheckName, type Clock, type HealthCheck, type StorePath } from '@nixfleet/contracts';
import type { HostInput } from '@nixfleet/engine';
import type { Probes } from './probes.ts';

/** Under this name a closure fails whose checks cannot be read. */
const unreadableChecks = CheckName.parse('health-checks');

interface RunnerDeps {
  readonly probes: Probes;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly emit: (input: HostInput) => void;
}

/**
 * Probes what a closure declares, from the copy inside it, which its digest signs, until `signal` aborts. A closure whose
 * declaration is there and cannot be read fails: what cannot be checked cannot be confirmed.
 */
export async function runProbes(
  { id, closure }: { readonly id: number; readonly closure: StorePath },
  deps: RunnerDeps,
): Promise<void> {
  const { emit, probes } = deps;
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
  const active = read.checks.filter(([, { mode }]) => mode !== 'disabled');
  emit({
    type: 'checks-known',
    id,
    enforced: active.filter(([, { mode }]) => mode === 'enforce').map(([name]) => name),
  });
  await Promise.all(active.map(([name, check]) => repeat(id, name, check, deps)));
}

async function repeat(
  id: number,
  name: CheckName,
  check: HealthCheck,
  { signal, clock, emit, probes }: RunnerDeps,
): Promise<void> {
  while (!signal.aborted) {
    const { status, detail } = await probes.run(check, signal);
    const { mode, failureThreshold } = check;
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
