import { agentConfigOption } from '../agent/agent-options.ts';
import type { CommandDefinition } from '../command-definition.ts';
import { jsonOption } from '../config/setting-options.ts';

export const agentStatusCommand: CommandDefinition = {
  name: 'agent status',
  summary: 'show where this host stands, without any network',
  description: 'Reads the state directory: phase, closures, holds, quarantine, accepted versions, probes and journal.',
  options: [agentConfigOption, jsonOption],
  json: {
    sentence: 'An object with host, state (docs/schemas/host-state.schema.json), position, lastEventAt and localHold.',
  },
  examples: [{ line: 'nixfleet agent status', explains: 'on the host itself' }],
  load: () => import('../handlers/agent-status.ts'),
};
