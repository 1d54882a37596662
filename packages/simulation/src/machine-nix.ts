import type { Nix } from '@nixfleet/agent';
import type { Closures } from './closures.ts';
import type { Dice } from './dice.ts';
import type { Life } from './life.ts';
import type { Machine } from './machine.ts';

/** How long a fetch takes, and how long one that fails is tried, in milliseconds. */
const fetchMs = { from: 500, to: 30_000 };
const unreachableMs = 15_000;

export interface MachineNixDeps {
  readonly life: Life;
  readonly dice: Dice;
  readonly closures: Closures;
  readonly isCacheReachable: () => boolean;
  /** How long the next fetch takes, in seconds; null: as chance has it. */
  readonly fetchSeconds: () => number | null;
  /** Paths that nobody signed are refused. */
  readonly isSafe: () => boolean;
}

/** The Nix port of one incarnation of the agent: a store on the machine's disk, and a cache somewhere. */
export function machineNix(machine: Machine, deps: MachineNixDeps): Nix {
  const { life, dice, closures, isCacheReachable, fetchSeconds, isSafe } = deps;
  return {
    checkConfiguration: () =>
      life.cross(() => {
        if (isSafe()) return { ok: true } as const;
        return { ok: false, reason: 'unsafe-nix-configuration', detail: 'expected require-sigs = true' } as const;
      }),
    bootParts: () => life.cross(() => ({ kernel: null, initrd: null })),
    async realise(closure, _sources, _rootLink, signal) {
      if (machine.store.has(closure)) return life.cross(() => ({ ok: true }));
      if (!isCacheReachable()) {
        await life.pass(unreachableMs, signal);
        return { ok: false, reason: 'closure-unavailable', detail: 'no cache answers' };
      }
      const seconds = fetchSeconds();
      await life.pass(seconds === null ? dice.between(fetchMs.from, fetchMs.to) : seconds * 1000, signal);
      return life.cross(() => {
        if (machine.disk.isFull) return { ok: false, reason: 'disk-full', detail: 'no space left on device' } as const;
        machine.store.set(closure, { isModified: false });
        return { ok: true } as const;
      });
    },
    closure: (path) =>
      life.cross(() => {
        const entry = machine.store.get(path);
        return entry ? closures.fetched(path) : [];
      }),
    modified: (paths) => life.cross(() => paths.filter((path) => machine.store.get(path)?.isModified === true)),
    claimed: (_substituter, entries) => life.cross(() => entries.map(({ narHash }) => narHash)),
    repair: ({ wanted }) =>
      life.cross(() => {
        if (!isCacheReachable()) {
          return { ok: false, reason: 'closure-unavailable', detail: 'no cache answers' } as const;
        }
        for (const { path } of wanted) machine.store.set(path, { isModified: false });
        return { ok: true } as const;
      }),
    discard: (paths) =>
      life.cross(() => {
        const gone = paths.filter((path) => path !== machine.running && path !== machine.bootDefault);
        for (const path of gone) machine.store.delete(path);
        return gone.length;
      }),
  };
}
