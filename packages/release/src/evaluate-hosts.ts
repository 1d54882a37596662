import type { Clock, HostName } from '@nixfleet/contracts';
import type { FleetSource } from './fleet-source.ts';
import type { EvaluatedHost, Nix, NixOutcome } from './nix.ts';
import type { ProcessMemory } from './process-memory.ts';
import type { Progress } from './progress.ts';
import type { ReleaseFacts } from './release-facts.ts';

export interface EvaluationLimits {
  /** Evaluators at once, at most. */
  readonly workersMax: number;
  /** Resident memory that all evaluators together may take, in bytes. */
  readonly budgetBytes: number;
  /** What one evaluator is expected to take, in bytes: decides how many start at once. */
  readonly workerBytes: number;
}

/** How often the evaluators are measured, in milliseconds. */
const measureIntervalMs = 100;

interface Worker {
  readonly host: HostName;
  readonly abort: AbortController;
  pid: number | null;
  /** As measured last, in bytes. */
  residentBytes: number | null;
  /** Set when it was stopped for its memory: what becomes of its host. */
  stopped: 'restart' | 'too-large' | null;
}

/**
 * Each host is evaluated in a process of its own, which ends with it: memory goes back after every host, and one host's
 * error or appetite is nobody else's. (nix-eval-jobs shares a heap between hosts and then has to restart it; it must also
 * match the version of Nix. A process a host needs neither and costs one parse of nixpkgs' entry points.)
 *
 * Over the budget, or about to be, the evaluator that started last is stopped and its host queued again, and from then on
 * one fewer runs at a time. An evaluator that is over the budget alone fails its host.
 */
export async function evaluateHosts(input: {
  readonly nix: Nix;
  /** Where each host is evaluated: pinned ones elsewhere. */
  readonly sourceOf: (host: HostName) => FleetSource;
  /** What rules about the release are evaluated with there; null: with what that source says itself. */
  readonly factsOf: (host: HostName) => ReleaseFacts | null;
  readonly hosts: readonly HostName[];
  readonly limits: EvaluationLimits;
  readonly memory: ProcessMemory;
  readonly clock: Clock;
  readonly progress: Progress;
}): Promise<Map<HostName, NixOutcome<EvaluatedHost>>> {
  const { nix, sourceOf, factsOf, hosts, limits, memory, clock, progress } = input;
  const results = new Map<HostName, NixOutcome<EvaluatedHost>>();
  const queue = [...hosts];
  const running = new Set<Worker>();
  let slots = Math.max(1, Math.min(limits.workersMax, Math.floor(limits.budgetBytes / limits.workerBytes)));

  const evaluate = async (host: HostName): Promise<void> => {
    const worker: Worker = { host, abort: new AbortController(), pid: null, residentBytes: null, stopped: null };
    running.add(worker);
    progress.report({ step: 'evaluate', state: 'started', host });
    try {
      const found = await nix.instantiate(sourceOf(host), host, {
        signal: worker.abort.signal,
        facts: factsOf(host),
        onStart: (pid) => {
          worker.pid = pid;
        },
        onLine: (detail) => progress.report({ step: 'evaluate', state: 'line', host, detail }),
      });
      if (!found.ok && worker.stopped === 'restart') {
        progress.report({ step: 'evaluate', state: 'line', host, detail: 'stopped for its memory, will start again' });
        queue.unshift(host);
        return;
      }
      const outcome = found.ok || worker.stopped === null ? found : tooLarge(host, limits);
      results.set(host, outcome);
      progress.report(
        outcome.ok
          ? { step: 'evaluate', state: 'done', host }
          : { step: 'evaluate', state: 'failed', host, detail: outcome.detail },
      );
    } finally {
      running.delete(worker);
    }
  };

  const measure = (): void => {
    let bytes = 0;
    let grownBytes = 0;
    for (const worker of running) {
      const resident = (worker.pid === null ? null : memory.residentBytes(worker.pid)) ?? 0;
      if (worker.residentBytes !== null) grownBytes += Math.max(0, resident - worker.residentBytes);
      worker.residentBytes = resident;
      bytes += resident;
    }
    const workers = [...running].filter(({ stopped }) => stopped === null);
    // Growing like this they would be over it when they are measured next. One alone gets all there is.
    if (bytes + (workers.length > 1 ? grownBytes : 0) <= limits.budgetBytes) return;
    const last = workers.at(-1);
    if (!last || workers.length < running.size) return;
    last.stopped = workers.length > 1 ? 'restart' : 'too-large';
    slots = Math.max(1, workers.length - 1);
    last.abort.abort();
  };

  const allDone = new AbortController();
  const watch = watchMemory(clock, allDone.signal, measure);
  const active = new Set<Promise<void>>();
  try {
    while (queue.length > 0 || active.size > 0) {
      while (queue.length > 0 && active.size < slots) {
        const host = queue.shift() as HostName;
        const task: Promise<void> = evaluate(host).finally(() => active.delete(task));
        active.add(task);
      }
      await Promise.race(active);
    }
  } finally {
    for (const worker of running) worker.abort.abort();
    allDone.abort();
    await Promise.allSettled(active);
    await watch;
  }
  return results;
}

async function watchMemory(clock: Clock, signal: AbortSignal, measure: () => void): Promise<void> {
  while (!signal.aborted) {
    try {
      await clock.sleep(measureIntervalMs, signal);
    } catch {
      // Aborted: every host was evaluated.
      return;
    }
    measure();
  }
}

function tooLarge(host: HostName, { budgetBytes }: EvaluationLimits): NixOutcome<never> {
  const mebibytes = Math.floor(budgetBytes / 1024 ** 2);
  const detail = `evaluating host ${host} takes more than the whole memory budget of ${mebibytes} MiB; raise the budget`;
  return { ok: false, reason: 'nix-failed', detail };
}
