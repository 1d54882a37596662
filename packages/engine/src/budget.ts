import type { DisruptionBudget, HostName, Instant, Withheld } from '@nixfleet/contracts';
import { isOccupied } from './issued-go.ts';
import type { PlannerViews } from './planner-types.ts';
import type { Survey, SurveyedHost } from './survey.ts';

/** Disruption budgets of all running rollouts, equal names being one budget: slots are taken as hosts are let go. */
export class Budgets {
  readonly #budgets = new Map<string, Budget>();
  readonly #indices = new Set<BudgetIndex>();

  constructor(surveys: readonly Survey[], views: PlannerViews, now: Instant) {
    for (const { manifest } of surveys) {
      for (const { name, maxInFlight } of manifest.budgets) {
        // Two releases may state one budget differently while both run: the smaller limit over both sets holds.
        const limit = Math.min(this.#budgets.get(name)?.limit ?? maxInFlight, maxInFlight);
        this.#budgets.set(name, { name, limit, taken: 0 });
      }
      if (manifest.budgets.length > 0) this.#indices.add(indexOf(manifest.budgets));
    }
    if (this.#indices.size === 0) return;
    const taking = new Set<HostName>();
    for (const { hosts } of surveys) for (const host of hosts) if (takesSlot(host, now)) taking.add(host.name);
    // In flight for a rollout that no release names any more: out of service all the same.
    for (const [host, view] of views.hosts) if (isOccupied(view, now)) taking.add(host);
    for (const host of taking) this.take(host);
  }

  /** The first budget by name with no slot left for `host`, or null. */
  blocking(host: HostName): Withheld | null {
    const full = this.#of(host).find(({ taken, limit }) => taken >= limit);
    return full ? { code: 'budget', names: [full.name], have: full.taken, need: full.limit } : null;
  }

  take(host: HostName): void {
    for (const budget of this.#of(host)) budget.taken += 1;
  }

  /** In order of their names. */
  #of(host: HostName): Budget[] {
    const found: Budget[] = [];
    for (const index of this.#indices) {
      for (const name of index.get(host) ?? []) {
        const budget = this.#budgets.get(name);
        if (budget && !found.includes(budget)) found.push(budget);
      }
    }
    return found.length < 2 ? found : found.sort((left, right) => (left.name < right.name ? -1 : 1));
  }
}

interface Budget {
  readonly name: string;
  readonly limit: number;
  taken: number;
}

/** Names of the budgets that list a host. */
type BudgetIndex = ReadonlyMap<HostName, readonly string[]>;

const indices = new WeakMap<readonly DisruptionBudget[], BudgetIndex>();

/** Once per manifest: documents do not change. */
function indexOf(budgets: readonly DisruptionBudget[]): BudgetIndex {
  const known = indices.get(budgets);
  if (known) return known;
  const index = new Map<HostName, string[]>();
  for (const { name, hosts } of budgets) {
    for (const host of new Set(hosts)) {
      const names = index.get(host);
      if (names) names.push(name);
      else index.set(host, [name]);
    }
  }
  indices.set(budgets, index);
  return index;
}

/** Hosts that are, or may be, out of service: unheard ones count, and are never assumed healthy. */
export function takesSlot({ standing, view }: SurveyedHost, now: Instant): boolean {
  return standing === 'in-flight' || standing === 'lost' || standing === 'unheard' || isOccupied(view, now);
}
