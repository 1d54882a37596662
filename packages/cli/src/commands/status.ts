import type { CommandDefinition } from '../command-definition.ts';
import { connectionOptions, jsonOption } from '../config/setting-options.ts';

export const statusCommand: CommandDefinition = {
  name: 'status',
  summary: 'show the fleet: hosts, rollouts, problems',
  description:
    'One row a host: its channel and wave, whether it runs what it should, what it runs, and the first reason why not. ' +
    'A host that is not heard is never shown as converged. Waves are counted from 0, as in the signed documents.',
  options: [
    { flags: '--watch', description: 'go on until interrupted: redraw on a terminal, else one line for each change' },
    { flags: '--check', description: 'exit 1 unless every host is converged and heard, and the head is valid' },
    jsonOption,
    ...connectionOptions,
  ],
  json: { schema: 'fleet-view' },
  examples: [
    { line: 'nixfleet status', explains: 'the fleet as it is now' },
    { line: 'nixfleet status --watch', explains: 'follow a rollout' },
    { line: 'nixfleet status --check || page-someone', explains: 'a monitoring probe' },
    {
      line: 'nixfleet status --json | jq -r \'.hosts[] | select(.health != "converged").name\'',
      explains: 'names of the hosts that are not converged',
    },
  ],
  load: () => import('../handlers/status.ts'),
};
