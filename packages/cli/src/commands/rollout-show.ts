import type { CommandDefinition } from '../command-definition.ts';
import { connectionOptions, jsonOption } from '../config/setting-options.ts';

export const rolloutShowCommand: CommandDefinition = {
  name: 'rollout show',
  summary: 'show one rollout, host by host',
  description: 'Its state, the open wave, and for each host how far it is and what withholds it.',
  arguments: [{ name: 'rollout', description: 'start of its ID, or its display name' }],
  options: [jsonOption, ...connectionOptions],
  json: { schema: 'rollout-view' },
  examples: [
    { line: 'nixfleet rollout show 3f2a', explains: 'by the start of its ID' },
    { line: 'nixfleet rollout show stable@3f2a1bc0', explains: 'by its display name' },
  ],
  load: () => import('../handlers/rollout-show.ts'),
};
