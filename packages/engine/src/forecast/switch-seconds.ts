import { type HostName, type Instant, instantToMs, type JournalEvent } from '@nixfleet/contracts';

/** How long the parts of a switch take, in seconds. */
export interface SwitchSeconds {
  /** Realising the closure. */
  readonly fetch: number;
  /** Until the target runs. */
  readonly activate: number;
  /** Until its probes passed and the control plane accepted it. */
  readonly confirm: number;
  /** A boot, where one is needed. */
  readonly boot: number;
}

/** What is assumed of a host that was never seen to switch: a middling server on a middling network. */
export const switchSecondsDefault: SwitchSeconds = { fetch: 60, activate: 20, confirm: 15, boot: 120 };

/** Spans kept of each part and host: the newest; a machine is judged by what it does lately. */
export const samplesMax = 16;
/** From so many switches on a host speaks for itself; below, the fleet does. */
const ownSamplesMin = 3;

type Part = keyof SwitchSeconds;
type Samples = Readonly<Record<Part, readonly number[]>>;

/** Spans that were measured, per host. */
export interface MeasuredSwitches {
  readonly hosts: ReadonlyMap<HostName, Samples>;
}

export const nothingMeasured: MeasuredSwitches = { hosts: new Map() };

const noSamples: Samples = { fetch: [], activate: [], confirm: [], boot: [] };
/** From one event of a switch to the next: which part that is. */
const parts: readonly { readonly from: string; readonly to: string; readonly part: Part }[] = [
  { from: 'fetching', to: 'activating', part: 'fetch' },
  { from: 'activating', to: 'confirming', part: 'activate' },
  { from: 'confirming', to: 'confirmed', part: 'confirm' },
  { from: 'rebooting', to: 'confirming', part: 'boot' },
];
const switchKinds = new Set(parts.flatMap(({ from, to }) => [from, to]));

/**
 * How long past switches took, from the events of journals: those of one host in its order, hosts in any. Only what went
 * through counts; a switch that was given up says nothing of one that is not.
 */
export function measureSwitches(events: Iterable<JournalEvent>): MeasuredSwitches {
  const last = new Map<HostName, { readonly kind: string; readonly rolloutId: string; readonly at: Instant }>();
  const hosts = new Map<HostName, Samples>();
  for (const event of events) {
    const { host, kind, at } = event;
    if (!switchKinds.has(kind) || !('target' in event.body)) continue;
    const { rolloutId } = event.body.target;
    const before = last.get(host);
    last.set(host, { kind, rolloutId, at });
    const found = parts.find(({ from, to }) => from === before?.kind && to === kind);
    if (!found || !before || before.rolloutId !== rolloutId) continue;
    const seconds = Math.max(0, (instantToMs(at) - instantToMs(before.at)) / 1000);
    const samples = hosts.get(host) ?? noSamples;
    hosts.set(host, { ...samples, [found.part]: [...samples[found.part], seconds].slice(-samplesMax) });
  }
  return { hosts };
}

/** What is expected of a host: its own median, else the fleet's, else the default. */
export function expectedSeconds({ hosts }: MeasuredSwitches, host: HostName): SwitchSeconds {
  const expected = (part: Part): number => {
    const own = hosts.get(host)?.[part] ?? [];
    if (own.length >= ownSamplesMin) return median(own);
    const all = [...hosts.values()].flatMap((samples) => samples[part]);
    return all.length === 0 ? switchSecondsDefault[part] : median(all);
  };
  return {
    fetch: expected('fetch'),
    activate: expected('activate'),
    confirm: expected('confirm'),
    boot: expected('boot'),
  };
}

/** The upper one of two in the middle: late is better than early in a forecast. */
function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
