import type { Mutation } from './mutation.ts';
import { complianceMutations } from './mutations-compliance.ts';
import { documentMutations } from './mutations-documents.ts';
import { hostMutations } from './mutations-host.ts';
import { plannerMutations } from './mutations-planner.ts';

/** What stands between a fleet and harm, each switched off in turn: a simulation that does not notice proves nothing. */
export const mutations: readonly Mutation[] = [
  ...plannerMutations,
  ...hostMutations,
  ...documentMutations,
  ...complianceMutations,
];
