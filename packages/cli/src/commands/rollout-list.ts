import type { CommandDefinition } from '../command-definition.ts';
import { connectionOptions, jsonOption } from '../config/setting-options.ts';

export const rolloutListCommand: CommandDefinition = {
  name: 'rollout list',
  summary: 'list the rollouts of the current release',
  description: 'One row a rollout; the running one of a channel comes first, those that wait for it follow.',
  options: [jsonOption, ...connectionOptions],
  json: { schema: 'rollouts-view' },
  examples: [{ line: 'nixfleet rollout list', explains: 'rollouts and how far they are' }],
  load: () => import('../handlers/rollout-list.ts'),
};
