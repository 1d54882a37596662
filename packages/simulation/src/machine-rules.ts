import type { EventOf, StorePath } from '@nixfleet/contracts';
import { type Behaviour, mayFail } from './behaviour.ts';
import type { Conduct } from './conduct.ts';
import { type Facts, StoredFacts } from './facts.ts';
import { type Broken, broken } from './rule.ts';

/** From a full disk or a clock that is off to a switch that has no evidence to show for it, in milliseconds. */
const hinderedMs = 10 * 60_000;

/** S1: a closure runs. */
export function mayRun(
  facts: Facts,
  { host, closure, behaviour }: { readonly host: string; readonly closure: StorePath; readonly behaviour: Behaviour },
): Broken {
  // Its path is what a release names; its contents are not.
  if (behaviour === 'poisoned') return broken('S1', `${host} runs ${closure} with other contents than were signed`);
  for (const { hosts } of facts.rollouts.values()) if (hosts[host as never]?.closure === closure) return null;
  return broken('S1', `${host} runs ${closure}, which no valid release named for it`);
}

/** S10: a switch begins under a dead man's switch that goes back to what was confirmed, and the journal says so. */
export function maySwitch(
  facts: Facts,
  {
    host,
    closure,
    guardedTo,
    first,
    isModified,
    how = 'activating',
  }: {
    readonly host: string;
    readonly closure: StorePath;
    readonly guardedTo: StorePath | null;
    readonly first: StorePath;
    /** What lies in its store is not what was fetched. */
    readonly isModified: boolean;
    /** Live, or by a boot. */
    readonly how?: 'activating' | 'rebooting';
  },
): Broken {
  const ledger = facts.ledger(host);
  if (ledger.phase !== how || ledger.target?.closure !== closure) {
    return broken('S13', `${host} switches to ${closure}, and its journal says ${ledger.phase}`);
  }
  if (isModified) return broken('S1', `${host} switches to ${closure}, which was changed in place`);
  if (guardedTo === null) return broken('S10', `${host} switches to ${closure} with nothing armed`);
  if (guardedTo === first || ledger.confirmed.has(guardedTo) || facts.restored.has(host)) return null;
  return broken('S10', `${host} would go back from ${closure} to ${guardedTo}, which was never confirmed`);
}

/** S11: a closure becomes the boot default: its probes have passed, and a control plane has stored that they did. */
export function mayBeDefault(
  facts: Facts,
  { host, closure, behaviour }: { readonly host: string; readonly closure: StorePath; readonly behaviour: Behaviour },
): Broken {
  if (behaviour === 'sick') return broken('S11', `${host} makes ${closure} its boot default, whose probes never pass`);
  const passed = facts.ledger(host).passed.get(closure);
  if (passed?.body.target.trialUntil !== undefined) {
    return broken('S18', `${host} makes ${closure} its boot default, which it only tries`);
  }
  // By policy nobody is asked.
  const { rolloutId } = passed?.body.target ?? {};
  const policy = rolloutId && facts.rollouts.get(rolloutId)?.policy;
  if (policy && policy.confirm.by === 'local') return null;
  if (passed && facts.everStored.has(StoredFacts.key('probes-passed', host, passed.body.target))) return null;
  // Put back in the midst of it, it has said so in the journal that was put aside; what was accepted is the new one's beginning.
  if (passed && facts.restored.has(host)) return null;
  return broken('S11', `${host} makes ${closure} its boot default before that was accepted`);
}

/** S5: a host calls a closure failed. */
export function mayBeCalledFailed(
  facts: Facts,
  host: string,
  { body: { cause, target, detail } }: EventOf<'failed'>,
  { behaviour, conduct, nowMs }: { readonly behaviour: Behaviour; readonly conduct: Conduct; readonly nowMs: number },
): Broken {
  // What has no evidence to show has failed too, where a crash or a full disk kept it from that.
  const isEnforced = facts.rollouts.get(target.rolloutId)?.policy.compliance.mode === 'enforce';
  if (cause === 'compliance-failed' && isEnforced) {
    if (conduct !== 'passing' || nowMs - facts.knowledge(host).hinderedAtMs < hinderedMs) return null;
    return broken('S5', `${host} fails ${target.closure} for its controls, which pass (${detail ?? 'no reason'})`);
  }
  // A disk without room for the profile is no silence: it is told as what it is.
  // Nor is a boot that was cut short: nobody can tell that from a loader that fell back.
  if (mayFail(behaviour) || cause === 'profile-not-set' || cause === 'boot-failed') return null;
  const why = `${cause}${detail === undefined ? '' : `, ${detail}`}`;
  return broken('S5', `${host} calls ${target.closure} failed (${why}), which does nothing wrong (${behaviour})`);
}
