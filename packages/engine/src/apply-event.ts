import {
  type BootId,
  type CheckName,
  type EventContent,
  type HostPhase,
  type HostState,
  type HostTarget,
  type Instant,
  type ProbeStatus,
  type RebootsSeen,
  refusalDetailMax,
} from '@nixfleet/contracts';
import { clip } from './clip.ts';
import { afterCollection } from './compliance-standing.ts';
import { initialHostState, withQuarantine } from './host-state.ts';

/** Results of probes kept for a host: more than it can declare, so that no host grows without end. */
export const probesMax = 128;

/** What an event adds to its content when it is journalled. */
export interface EventPlace {
  readonly at: Instant;
  readonly bootId: BootId;
}

type EventOf<Kind extends EventContent['kind']> = Extract<EventContent, { kind: Kind }> & EventPlace;

/**
 * The host state after one journalled event. Total: every kind applies to every state, because a replay may start at a
 * checkpoint and a control plane must never fail on what a host signed. The agent's own state is this same fold.
 */
export function applyEvent(state: HostState, event: EventContent & EventPlace): HostState {
  return { ...applyContent(state, event), bootId: event.bootId };
}

function applyContent(state: HostState, event: EventContent & EventPlace): HostState {
  const { at } = event;
  switch (event.kind) {
    case 'journal-started': {
      const { running, confirmed } = event.body;
      // Another epoch: what its writer still knew of the one before follows in a checkpoint of its own.
      return {
        ...initialHostState,
        running,
        confirmed: confirmed === null ? null : { closure: confirmed, rolloutId: null, at },
        // What has just been installed was booted for it.
        ...(event.body.reason === 'first-contact' ? { reboots: { number: 0, bootId: null, done: 0 } } : {}),
      };
    }
    case 'checkpoint':
      return event.body.state;
    case 'started': {
      // What waited for a boot has had one. Should something still wait, the host tells it anew.
      const rebootPending = event.bootId === state.bootId ? state.rebootPending : null;
      return { ...state, running: event.body.running, rebootPending };
    }
    case 'trust-accepted':
      return { ...state, trust: event.body.floor };
    case 'release-accepted':
      return { ...state, release: event.body.release, head: event.body.head };
    case 'withheld':
      return {
        ...state,
        withheld: event.body.withheld,
        // A fetch that may not go on is given up: nothing was changed yet.
        phase: event.body.withheld !== null && state.phase.name === 'fetching' ? { name: 'pending' } : state.phase,
      };
    case 'local-hold':
      return { ...state, localHold: event.body.hold };
    case 'fetching': {
      const { target, policy } = event.body;
      return enter({ ...state, policy }, { name: 'fetching', target, since: at });
    }
    case 'trying': {
      const { target, revertTo, deadline } = event.body;
      return enter({ ...state, retry: null }, { name: 'trying', target, since: at, revertTo, deadline });
    }
    case 'refused':
      return enter(event.body.reason === 'trial-needs-reboot' ? trialEnded(state, event.body.target) : state, {
        name: 'refused',
        target: event.body.target,
        at,
        reason: event.body.reason,
        ...(event.body.retryNotBefore && { retryNotBefore: event.body.retryNotBefore }),
        ...(event.body.detail && { detail: clip(event.body.detail, refusalDetailMax) }),
      });
    case 'deferred':
      return enter(state, { name: 'deferred', target: event.body.target, at, component: event.body.component });
    case 'reboots-seen':
      return { ...state, reboots: rebootsSeen(state, event) };
    case 'rebooting': {
      const { target, revertTo, deadline } = event.body;
      return enter(unmeasured(state), { name: 'rebooting', target, since: at, revertTo, deadline });
    }
    case 'activating':
      return enter(unmeasured(state), { name: 'activating', since: at, ...event.body });
    case 'confirming': {
      const { target, deadline } = event.body;
      return enter(
        { ...state, running: target.closure },
        { name: 'confirming', target, since: at, revertTo: revertTargetOf(state), deadline },
      );
    }
    case 'confirmed': {
      const { target, soakUntil } = event.body;
      return enter(
        {
          ...withoutStray(state),
          running: target.closure,
          confirmed: { closure: target.closure, rolloutId: target.rolloutId, at },
          retry: null,
        },
        { name: 'soaking', target, confirmedAt: at, soakUntil, revertTo: revertTargetOf(state) },
      );
    }
    case 'converged': {
      const { target } = event.body;
      return enter(
        {
          ...state,
          confirmed: { closure: target.closure, rolloutId: target.rolloutId, at },
          retry: null,
          ...(state.reboots === undefined ? {} : { reboots: installed(state.reboots, event) }),
          // A higher attempt of it has succeeded.
          quarantine: state.quarantine.filter(({ closure }) => closure !== target.closure),
        },
        { name: 'converged', target, at },
      );
    }
    case 'unconfirmed': {
      const { target, cause, retryNotBefore } = event.body;
      const isTrial = target.trialUntil !== undefined;
      const count = state.retry?.rolloutId === target.rolloutId ? state.retry.count + 1 : 1;
      return enter(
        isTrial
          ? state
          : {
              ...state,
              retry: { rolloutId: target.rolloutId, closure: target.closure, count, notBefore: retryNotBefore },
            },
        { name: 'unconfirmed', target, at, cause, revertTo: revertTargetOf(state) },
      );
    }
    case 'failed': {
      const { target, cause, revertTo } = event.body;
      const { closure, attempt, rolloutId } = target;
      // What a trial shows says nothing of a release, not even of the same closure.
      if (target.trialUntil !== undefined) return enter(state, { name: 'failed', target, at, cause, revertTo });
      return enter(
        { ...state, quarantine: withQuarantine(state.quarantine, { closure, attempt, rolloutId, at, cause }) },
        { name: 'failed', target, at, cause, revertTo },
      );
    }
    case 'reverting':
      return enter(state, { name: 'reverting', since: at, ...event.body });
    case 'reverted': {
      const { target, to, cause } = event.body;
      return enter(
        {
          ...unmeasured(trialEnded(withoutStray(state), target)),
          running: to,
          confirmed: state.confirmed?.closure === to ? state.confirmed : { closure: to, rolloutId: null, at },
        },
        { name: 'reverted', target, at, to, cause },
      );
    }
    case 'revert-failed':
      return { ...state, running: event.body.running };
    case 'reboot-pending': {
      const { component } = event.body;
      return { ...state, rebootPending: component === null ? null : { since: at, component } };
    }
    case 'probe': {
      const { check, status, mode, consecutiveFailures, detail } = event.body;
      const probe = { status, mode, at, consecutiveFailures, ...(detail === undefined ? {} : { detail }) };
      return { ...state, probes: withProbe(state.probes, check, probe) };
    }
    case 'drift': {
      const { running, bootDefault } = event.body;
      return { ...withoutStray(state), running, ...(bootDefault && { bootDefault }) };
    }
    case 'document-refused':
    case 'probes-passed':
    case 'floor-lost':
    case 'head-expiring':
    case 'compliance-drift':
      return state;
    case 'compliance-passed':
    case 'compliance-failure':
    case 'runtime-gate-error':
      return { ...state, compliance: afterCollection(state.compliance, event) };
    default:
      return unreachable(event);
  }
}

/** Another system is activated: what was measured before says nothing of it. */
function unmeasured({ compliance: _, ...state }: HostState): HostState {
  return { ...state, probes: {} };
}

/** The boot default was set, or was looked at. */
function withoutStray({ bootDefault: _, ...state }: HostState): HostState {
  return state;
}

function trialEnded(state: HostState, { rolloutId, trialUntil }: HostTarget): HostState {
  return trialUntil === undefined ? state : { ...state, trialEnded: rolloutId };
}

function rebootsSeen({ reboots }: HostState, { body, bootId }: EventOf<'reboots-seen'>): RebootsSeen {
  const number = body.reboots;
  if (reboots === undefined) return { number, bootId, done: 0 };
  if (reboots.bootId === null) return { number, bootId, done: number };
  return { number, bootId, done: reboots.bootId === bootId ? reboots.done : reboots.number };
}

/** With its first release a host is no longer one that was just installed: from now on it owes the boots it is told of. */
function installed(reboots: RebootsSeen, { body: { target }, bootId }: EventOf<'converged'>): RebootsSeen {
  if (reboots.bootId !== null) return reboots;
  const number = Math.max(reboots.number, target.reboots ?? 0);
  return { number, bootId, done: number };
}

/** The newest result of each check; past `probesMax` the check that was heard of first falls out. */
function withProbe(probes: HostState['probes'], check: CheckName, probe: ProbeStatus): HostState['probes'] {
  const names = Object.keys(probes) as CheckName[];
  const kept = Object.hasOwn(probes, check) || names.length < probesMax ? probes : without(probes, names[0]);
  return { ...kept, [check]: probe };
}

function without(probes: HostState['probes'], name: CheckName | undefined): HostState['probes'] {
  return Object.fromEntries(Object.entries(probes).filter(([other]) => other !== name)) as HostState['probes'];
}

/** A host that moves on with its target is withheld no longer. */
function enter(state: HostState, phase: HostPhase): HostState {
  return { ...state, phase, withheld: null };
}

function revertTargetOf({ phase, confirmed }: HostState) {
  return 'revertTo' in phase ? phase.revertTo : (confirmed?.closure ?? null);
}

function unreachable(event: never): never {
  throw new TypeError(`not an event: ${JSON.stringify(event)}`);
}
