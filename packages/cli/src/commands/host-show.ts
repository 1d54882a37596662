import type { CommandDefinition } from '../command-definition.ts';
import { connectionOptions, jsonOption } from '../config/setting-options.ts';

export const hostShowCommand: CommandDefinition = {
  name: 'host show',
  summary: 'show everything known of one host',
  description:
    'Phase, closures, quarantine, retries, holds, accepted versions, probes and journal, as its signed events say.',
  arguments: [{ name: 'host', description: 'name of the host' }],
  options: [jsonOption, ...connectionOptions],
  json: { schema: 'host-view' },
  examples: [
    { line: 'nixfleet host show db-1', explains: 'one host in full' },
    { line: 'nixfleet host show db-1 --json | jq .state.probes', explains: 'its probes' },
  ],
  load: () => import('../handlers/host-show.ts'),
};
