import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { HostName, StorePath } from '@nixfleet/contracts';
import { FakeClock } from '@nixfleet/testkit';
import { type EvaluationLimits, evaluateHosts } from './evaluate-hosts.ts';
import type { EvaluatedHost, Nix, NixOutcome } from './nix.ts';
import { noProgress } from './progress.ts';

const names = (count: number) => Array.from({ length: count }, (_, i) => `h-${i}` as HostName);
const derivation = (host: string) => `/nix/store/${'0'.repeat(32)}-${host}.drv` as StorePath;

/** Evaluators that end when told, each with the memory that the test gives it. */
function evaluators(bytesOf: (host: string, start: number) => number) {
  const running = new Map<number, { host: string; bytes: number; finish: () => void }>();
  const starts: string[] = [];
  let atOnce = 0;
  const nix = {
    instantiate: (_source, host, call) =>
      new Promise<NixOutcome<EvaluatedHost>>((resolve) => {
        starts.push(host);
        const pid = starts.length;
        const finish = () => {
          running.delete(pid);
          resolve({ ok: true, value: { derivation: derivation(host), warnings: [], compliance: null } });
        };
        running.set(pid, { host, bytes: bytesOf(host, starts.filter((one) => one === host).length), finish });
        atOnce = Math.max(atOnce, running.size);
        call?.onStart?.(pid);
        call?.signal?.addEventListener('abort', () => {
          running.delete(pid);
          resolve({ ok: false, reason: 'nix-failed', detail: 'was stopped' });
        });
      }),
  } satisfies Partial<Nix>;
  const memory = { residentBytes: (pid: number) => running.get(pid)?.bytes ?? null };
  return { nix: nix as unknown as Nix, memory, running, starts, atOnce: () => atOnce };
}

describe('evaluating hosts under a memory budget', () => {
  const start = (
    hosts: HostName[],
    limits: EvaluationLimits,
    fake: ReturnType<typeof evaluators>,
    clock = new FakeClock(),
  ) => {
    const source = { kind: 'flake', installable: '.#fleet', directory: '/' } as const;
    return {
      clock,
      done: evaluateHosts({
        ...fake,
        sourceOf: () => source,
        factsOf: () => null,
        hosts,
        limits,
        clock,
        progress: noProgress,
      }),
    };
  };
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  const finishAll = async (fake: ReturnType<typeof evaluators>) => {
    for (let i = 0; i < 50; i++) {
      for (const { finish } of fake.running.values()) finish();
      await turn();
    }
  };

  test('as many at once as cores and budget allow, each host once', async () => {
    for (const [limits, expected] of [
      [{ workersMax: 3, budgetBytes: 100, workerBytes: 10 }, 3],
      [{ workersMax: 8, budgetBytes: 25, workerBytes: 10 }, 2],
      [{ workersMax: 8, budgetBytes: 5, workerBytes: 10 }, 1],
    ] as const) {
      const fake = evaluators(() => 1);
      const { done } = start(names(10), limits, fake);
      await finishAll(fake);
      const results = await done;
      assert.equal(fake.atOnce(), expected);
      assert.equal(results.size, 10);
      assert.deepEqual(fake.starts, names(10));
    }
  });

  test('over the budget the youngest is stopped, starts again later, and fewer run from then on', async () => {
    const fake = evaluators((host, started) => (host === 'h-1' && started === 1 ? 90 : 20));
    const { done, clock } = start(names(3), { workersMax: 2, budgetBytes: 100, workerBytes: 10 }, fake);
    await turn();
    assert.deepEqual(fake.starts, ['h-0', 'h-1']);
    await clock.advance(250);
    assert.deepEqual(
      [...fake.running.values()].map(({ host }) => host),
      ['h-0'],
    );
    await finishAll(fake);
    const results = await done;
    assert.deepEqual([...results.keys()].sort(), names(3));
    assert.ok([...results.values()].every(({ ok }) => ok));
    assert.deepEqual(fake.starts, ['h-0', 'h-1', 'h-1', 'h-2']);
  });

  test('two that grow towards the budget are stopped before they are over it, one alone is not', async () => {
    for (const [count, expected] of [
      [2, ['h-0']],
      [1, ['h-0']],
    ] as const) {
      const fake = evaluators(() => 30);
      const limits = { workersMax: count, budgetBytes: 100, workerBytes: 10 };
      const { done, clock } = start(names(count), limits, fake);
      await turn();
      for (const bytes of [40, 48]) {
        await clock.advance(100);
        assert.equal(fake.running.size, count);
        for (const evaluator of fake.running.values()) evaluator.bytes = count === 1 ? 2 * bytes : bytes;
      }
      await clock.advance(100);
      assert.deepEqual(
        [...fake.running.values()].map(({ host }) => host),
        expected,
      );
      await finishAll(fake);
      assert.ok([...(await done).values()].every(({ ok }) => ok));
    }
  });

  test('one that is over the budget alone fails, and the others go on', async () => {
    const fake = evaluators((host) => (host === 'h-0' ? 200 * 1024 ** 2 : 1));
    const limits = { workersMax: 1, budgetBytes: 100 * 1024 ** 2, workerBytes: 1 };
    const { done, clock } = start(names(2), limits, fake);
    await turn();
    await clock.advance(250);
    await finishAll(fake);
    const results = await done;
    const failed = results.get('h-0' as HostName);
    assert.ok(failed && !failed.ok);
    assert.match(failed.detail, /more than the whole memory budget of 100 MiB/);
    assert.equal(results.get('h-1' as HostName)?.ok, true);
  });
});
