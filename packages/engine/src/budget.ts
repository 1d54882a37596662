import type { HostName, Instant, Withheld } from '@nixfleet/contracts';
import type { PlannerViews } from './planner-types.ts';
import { isOccupied, type Survey, type SurveyedHost } from './survey.ts';

/** Disruption budgets of all running rollouts, equal names being one budget: slots are taken as hosts are let go. */
export class Budgets {
  readonly #byHost = new Map<HostName, Budget[]>();

  constructor(surveys: readonly Survey[], views: PlannerViews, now: Instant) {
    const byName = new Map<string, Budget>();
    for (const { manifest } of surveys) {
      for (const { name, hosts, maxInFlight } of manifest.budgets) {
        // Two releases may state one budget differently while both run: the smaller limit over both sets holds.
        const budget = byName.get(name) ?? { name, limit: maxInFlight, taken: 0, hosts: new Set<HostName>() };
        budget.limit = Math.min(budget.limit, maxInFlight);
        byName.set(name, budget);
        for (const host of hosts) this.#add(host, budget);
      }
    }
    if (byName.size === 0) return;
    const taking = new Set<HostName>();
    for (const { hosts } of surveys) for (const host of hosts) if (takesSlot(host, now)) taking.add(host.name);
    // In flight for a rollout that no release names any more: out of service all the same.
    for (const host of this.#byHost.keys()) if (isOccupied(views.hosts.get(host), now)) taking.add(host);
    for (const host of taking) this.take(host);
  }

  /** The first budget with no slot left for `host`, or null. */
  blocking(host: HostName): Withheld | null {
    const full = this.#byHost.get(host)?.find(({ taken, limit }) => taken >= limit);
    return full ? { code: 'budget', names: [full.name], have: full.taken, need: full.limit } : null;
  }

  take(host: HostName): void {
    for (const budget of this.#byHost.get(host) ?? []) budget.taken += 1;
  }

  #add(host: HostName, budget: Budget): void {
    if (budget.hosts.has(host)) return;
    budget.hosts.add(host);
    const budgets = this.#byHost.get(host);
    if (budgets) budgets.push(budget);
    else this.#byHost.set(host, [budget]);
  }
}

interface Budget {
  readonly name: string;
  readonly hosts: Set<HostName>;
  limit: number;
  taken: number;
}

/** Hosts that are, or may be, out of service: unheard ones count, and are never assumed healthy. */
export function takesSlot({ standing, view }: SurveyedHost, now: Instant): boolean {
  return standing === 'in-flight' || standing === 'lost' || standing === 'unheard' || isOccupied(view, now);
}
