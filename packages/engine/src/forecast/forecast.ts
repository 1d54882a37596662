import {
  addSeconds,
  entriesOf,
  type Forecast,
  type HostName,
  type HostTarget,
  type Instant,
  lookup,
  type RolloutId,
  type RolloutManifest,
  type Trial,
  type Withheld,
} from '@nixfleet/contracts';
import { channelBrake, isEmergencyAt } from '../brake.ts';
import type { Intent } from '../host-input.ts';
import { initialHostState } from '../host-state.ts';
import { plan } from '../plan.ts';
import type { HostDecision, HostView, Plan, PlannerRelease, PlannerViews } from '../planner-types.ts';
import { ForecastHost } from './forecast-host.ts';
import { ForecastLog } from './forecast-log.ts';
import type { SwitchSeconds } from './switch-seconds.ts';

/** How far a forecast looks unless it is told otherwise, in seconds: 30 days. */
export const horizonSecondsDefault = 30 * 24 * 3600;
/** Instants that are looked at: a host has about six, and windows and freezes theirs. */
const instantsMax = 20_000;
/** Planning passes at one instant: each go may free or take a slot. */
const passesMax = 64;

export interface ForecastInput {
  readonly release: PlannerRelease;
  /** Where every host stands now. */
  readonly views: PlannerViews;
  readonly now: Instant;
  readonly secondsOf: (host: HostName) => SwitchSeconds;
  /** What if these do not answer from now on. */
  readonly offline?: ReadonlySet<HostName>;
  /** What if the checks of these fail on whatever they switch to. */
  readonly fails?: ReadonlySet<HostName>;
  /** Hosts whose new closure waits for a boot. */
  readonly needsBoot?: ReadonlySet<HostName>;
  readonly horizonSeconds?: number;
}

/**
 * How the release would go: the real planner and the real host machines, run forward on a clock that jumps from one
 * instant at which something happens to the next. Heads are taken to be renewed; nothing else is assumed but the time
 * that the parts of a switch take.
 */
export function forecast(input: ForecastInput): Forecast {
  const run = new ForecastRun(input);
  return run.toTheEnd();
}

class ForecastRun {
  readonly #input: ForecastInput;
  readonly #release: PlannerRelease;
  readonly #horizon: Instant;
  readonly #hosts = new Map<HostName, ForecastHost>();
  readonly #log: ForecastLog;
  #now: Instant;

  constructor(input: ForecastInput) {
    const { release, views, now, secondsOf, fails, needsBoot } = input;
    this.#input = input;
    this.#now = now;
    this.#horizon = addSeconds(now, input.horizonSeconds ?? horizonSecondsDefault);
    this.#release = { ...release, headExpiresAt: addSeconds(this.#horizon, 1) };
    for (const [name] of entriesOf(release.fleet.hosts)) {
      const state = views.hosts.get(name)?.fold?.state ?? initialHostState;
      const own = { fails: fails?.has(name) ?? false, needsBoot: needsBoot?.has(name) ?? false };
      this.#hosts.set(name, new ForecastHost({ state, seconds: secondsOf(name), now, ...own }));
    }
    this.#log = new ForecastLog(now);
  }

  toTheEnd(): Forecast {
    let planned = this.#settle();
    for (let instants = 0; instants < instantsMax && !this.#isOver(planned); instants++) {
      const next = this.#next(planned);
      if (next === null || next > this.#horizon) break;
      this.#now = next;
      planned = this.#settle();
    }
    const { document, manifests } = this.#release;
    const ids = new Set(entriesOf(document.channels).map(([, { rolloutId }]) => rolloutId));
    return this.#log.told(planned, { manifests, current: ids, now: this.#now });
  }

  /** Plans and lets the hosts act until nothing moves any more at this instant. */
  #settle(): Plan {
    for (let passes = 1; ; passes++) {
      const planned = plan(this.#release, this.#views(), this.#now);
      this.#log.saw(planned, this.#now);
      if (!this.#act(planned) || passes === passesMax) return planned;
    }
  }

  #act(planned: Plan): boolean {
    let hasMoved = false;
    for (const [name, host] of this.#hosts) {
      if (!this.#isOnline(name)) continue;
      const events = host.live(this.#intent(name, planned.hosts.get(name)), this.#now);
      for (const event of events) this.#log.wrote(name, event, this.#now);
      hasMoved ||= events.some(({ kind, body }) => kind !== 'withheld' || body.withheld === null);
    }
    return hasMoved;
  }

  #isOnline(name: HostName): boolean {
    if (this.#input.offline?.has(name)) return false;
    return this.#input.views.hosts.get(name)?.isOnline ?? true;
  }

  #views(): PlannerViews {
    const { views, now: began } = this.#input;
    const hosts = new Map<HostName, HostView>();
    for (const [name, host] of this.#hosts) {
      const isOnline = this.#isOnline(name);
      const seen = views.hosts.get(name)?.lastSeenAt ?? began;
      const lastSeenAt = isOnline ? this.#now : seen;
      hosts.set(name, { fold: host.fold, isReplayed: true, isOnline, lastSeenAt, issued: null });
    }
    return { hosts, rebuild: null };
  }

  /** What the agent would make of the documents and of what the planner permits. */
  #intent(name: HostName, decision: HostDecision | undefined): Intent | null {
    const { rolloutId = null, go = null } = decision ?? {};
    const manifest = rolloutId === null ? undefined : this.#release.manifests.get(rolloutId);
    if (rolloutId === null || !manifest) return null;
    const trial = lookup(this.#release.document.trials ?? {}, name);
    const target = targetOf(name, { rolloutId, manifest, trial });
    return (
      target && {
        target,
        policy: manifest.policy,
        brake: this.#brake(manifest),
        hasGo: go !== null && go.reboot !== true,
        mayReboot: go?.reboot === true,
      }
    );
  }

  #brake({ channel, windows, resolvedUntil }: RolloutManifest): Withheld | null {
    const { document, holds, headExpiresAt, emergencyApproved } = this.#release;
    const freezes = lookup(document.channels, channel)?.freezes ?? [];
    const isEmergency = isEmergencyAt(document.emergency, { isApproved: emergencyApproved, now: this.#now });
    return channelBrake(channel, { holds, freezes, windows, resolvedUntil, headExpiresAt, isEmergency }, this.#now);
  }

  #next({ nextDeadline }: Plan): Instant | null {
    let next = nextDeadline;
    for (const [name, host] of this.#hosts) {
      const at = this.#isOnline(name) ? host.nextAt(this.#now) : null;
      if (at !== null && (next === null || at < next)) next = at;
    }
    return next;
  }

  /** Every channel is done or given up, and no host is at work. */
  #isOver({ rollouts }: Plan): boolean {
    for (const [name, host] of this.#hosts) if (this.#isOnline(name) && host.nextAt(this.#now) !== null) return false;
    return entriesOf(this.#release.document.channels).every(([, { rolloutId }]) => {
      const state = rollouts.find((rollout) => rollout.rolloutId === rolloutId)?.state;
      return state === undefined || state === 'converged' || state === 'halted' || state === 'reverted';
    });
  }
}

function targetOf(
  name: HostName,
  {
    rolloutId,
    manifest,
    trial,
  }: { readonly rolloutId: RolloutId; readonly manifest: RolloutManifest; readonly trial: Trial | undefined },
): HostTarget | null {
  const entry = lookup(manifest.hosts, name);
  if (!entry) return null;
  const { wave, closure, closureDigest, attempt } = entry;
  const { reboots } = manifest.policy;
  const { soakSeconds = 0 } = manifest.waves[wave] ?? {};
  const { channel, introducedIn } = manifest;
  const base = { rolloutId, channel, introducedIn, wave, closure, closureDigest, attempt, soakSeconds };
  if (trial?.rolloutId === rolloutId) return { ...base, trialUntil: trial.expiresAt };
  return reboots === undefined ? base : { ...base, reboots };
}
