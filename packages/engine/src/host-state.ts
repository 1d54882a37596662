import { type HostState, lookup, type Quarantine, quarantineMax, type StorePath } from '@nixfleet/contracts';

/** Before the first event of a journal. */
export const initialHostState: HostState = {
  bootId: null,
  running: null,
  confirmed: null,
  phase: { name: 'pending' },
  policy: null,
  quarantine: [],
  retry: null,
  rebootPending: null,
  localHold: null,
  withheld: null,
  trust: null,
  release: null,
  head: null,
  probes: {},
};

/** The quarantine that forbids `closure` at `attempt`: the same or a later attempt of it failed here. */
export function quarantineOf(
  state: HostState,
  { closure, attempt }: { readonly closure: StorePath; readonly attempt: number },
): Quarantine | undefined {
  return state.quarantine.find((entry) => entry.closure === closure && entry.attempt >= attempt);
}

/**
 * The host runs `closure` and has confirmed it, so that nothing needs to be switched. Where it failed and was left
 * running (`halt`), a higher attempt has to prove itself first.
 */
export function isRunning(state: HostState, closure: StorePath): boolean {
  return (
    state.running === closure &&
    state.confirmed?.closure === closure &&
    !state.quarantine.some((entry) => entry.closure === closure)
  );
}

/** Whether the host still has to boot for its channel's `reboots`. */
export function owesBoot({ reboots: seen, bootId }: HostState, reboots: number | undefined): boolean {
  if (reboots === undefined || reboots === 0) return false;
  if (seen === undefined) return true;
  if (seen.done >= reboots) return false;
  return seen.number < reboots ? seen.bootId !== null : seen.bootId === bootId;
}

/** One entry a closure, the newest last; the oldest fall out past `quarantineMax`. */
export function withQuarantine(quarantine: readonly Quarantine[], entry: Quarantine): Quarantine[] {
  return [...quarantine.filter(({ closure }) => closure !== entry.closure), entry].slice(-quarantineMax);
}

/** The first enforced probe that is failing now. */
export function failingProbe(state: HostState): string | undefined {
  return Object.keys(state.probes)
    .sort()
    .find((name) => {
      const probe = lookup(state.probes, name);
      return probe?.status === 'fail' && probe.mode === 'enforce';
    });
}

export function hasFailingProbe(state: HostState): boolean {
  return failingProbe(state) !== undefined;
}
