import type { HostName, Withheld } from '@nixfleet/contracts';
import type { Survey, SurveyedHost } from './survey.ts';

/** Disruption budgets of all running rollouts, equal names being one budget: slots are taken as hosts are let go. */
export class Budgets {
  readonly #byHost = new Map<HostName, Budget[]>();

  constructor(surveys: readonly Survey[]) {
    const byName = new Map<string, Budget>();
    for (const { manifest } of surveys) {
      for (const { name, hosts, maxInFlight } of manifest.budgets) {
        const known = byName.get(name);
        // Two releases may state one budget differently while both run: the smaller limit over both sets holds.
        const budget = known ?? { name, limit: maxInFlight, taken: 0 };
        budget.limit = Math.min(budget.limit, maxInFlight);
        byName.set(name, budget);
        for (const host of hosts) {
          const budgets = this.#byHost.get(host) ?? [];
          if (!budgets.includes(budget)) budgets.push(budget);
          this.#byHost.set(host, budgets);
        }
      }
    }
    const counted = new Set<HostName>();
    for (const { hosts } of surveys) {
      for (const host of hosts) {
        if (!takesSlot(host) || counted.has(host.name)) continue;
        counted.add(host.name);
        this.take(host.name);
      }
    }
  }

  /** The first budget with no slot left for `host`, or null. */
  blocking(host: HostName): Withheld | null {
    const full = this.#byHost.get(host)?.find(({ taken, limit }) => taken >= limit);
    return full ? { code: 'budget', names: [full.name], have: full.taken, need: full.limit } : null;
  }

  take(host: HostName): void {
    for (const budget of this.#byHost.get(host) ?? []) budget.taken += 1;
  }
}

interface Budget {
  readonly name: string;
  limit: number;
  taken: number;
}

/** Hosts that are, or may be, out of service: unheard ones count, and are never assumed healthy. */
export function takesSlot({ standing }: SurveyedHost): boolean {
  return standing === 'in-flight' || standing === 'lost' || standing === 'unheard';
}
