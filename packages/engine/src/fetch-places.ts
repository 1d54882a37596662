import type { HostName, RolloutId, Withheld } from '@nixfleet/contracts';
import type { Budgets } from './budget.ts';
import type { ActiveTrial } from './decide-trial.ts';
import { isSwitching, phaseIn } from './host-progress.ts';
import { isIssued } from './issued-go.ts';
import type { SurveyedHost } from './survey.ts';

/** What one host may begin next: the rollout whose turn it is, or what it tries instead of it. */
export interface Errand {
  readonly host: Pick<SurveyedHost, 'view' | 'standing'>;
  readonly rolloutId: RolloutId;
  readonly trial: ActiveTrial | undefined;
}

/** Hosts of a channel that fetch, and how many may; null: as many as want to. */
export interface FetchPlaces {
  count: number;
  readonly max: number | null;
}

/**
 * Fetches, for whatever rollout: it turns to the newest without giving its place up. Or was told to start this one, or its
 * trial, and has not yet said so, whatever it ends first.
 */
export function mayFetch({ host: { view, standing }, rolloutId, trial }: Errand): boolean {
  if (view?.fold?.state.phase.name === 'fetching') return true;
  if (standing === 'in-flight' && phaseIn(view, rolloutId) === null) return true;
  return view !== undefined && trial !== undefined && isIssued(view, trial) && phaseIn(view, trial.rolloutId) === null;
}

/** A go would take one more place among those that fetch: it has none yet, and is not past that in what it would begin. */
function wantsToFetch(errand: Errand): boolean {
  const { host, trial, rolloutId } = errand;
  const isPast = isSwitching(host.view) && phaseIn(host.view, trial?.rolloutId ?? rolloutId) !== null;
  return !mayFetch(errand) && !isPast;
}

/** What a go would take: a slot of each budget that lists the host, and a place among those that fetch. */
export class Claim {
  readonly #name: HostName;
  readonly #hasSlot: boolean;
  readonly #isToFetch: boolean;
  readonly #budgets: Budgets;
  readonly #fetching: FetchPlaces;

  constructor(
    errand: Errand & { readonly name: HostName; readonly hasSlot: boolean },
    { budgets, fetching }: { readonly budgets: Budgets; readonly fetching: FetchPlaces },
  ) {
    this.#name = errand.name;
    this.#hasSlot = errand.hasSlot;
    this.#isToFetch = wantsToFetch(errand);
    this.#budgets = budgets;
    this.#fetching = fetching;
  }

  /** What is full, or null. */
  blocking(): Withheld | null {
    const budget = this.#hasSlot ? null : this.#budgets.blocking(this.#name);
    if (budget) return budget;
    const { count, max } = this.#fetching;
    return this.#isToFetch && max !== null && count >= max ? { code: 'fetch-limit', have: count, need: max } : null;
  }

  take(): void {
    if (!this.#hasSlot) this.#budgets.take(this.#name);
    if (this.#isToFetch) this.#fetching.count += 1;
  }
}
