import type { CommandDefinition } from '../command-definition.ts';
import { connectionOptions, jsonOption } from '../config/setting-options.ts';

export const rolloutEventsCommand: CommandDefinition = {
  name: 'rollout events',
  summary: 'list what the hosts of a rollout reported',
  description:
    'Events in the order in which the control plane stored them. They are shown as received; verify journal checks ' +
    'their signatures.',
  arguments: [{ name: 'rollout', description: 'start of its ID, or its display name' }],
  options: [jsonOption, ...connectionOptions],
  json: { sentence: 'One object a line: position, receivedAt, host, event (the signed text) and signature.' },
  examples: [
    { line: 'nixfleet rollout events 3f2a', explains: 'everything that was reported of it' },
    { line: 'nixfleet rollout events 3f2a | grep failed', explains: 'only what failed' },
  ],
  load: () => import('../handlers/rollout-events.ts'),
};
