import { agentConfigOption } from '../agent/agent-options.ts';
import type { CommandDefinition } from '../command-definition.ts';

export const agentHoldCommand: CommandDefinition = {
  name: 'agent hold',
  summary: 'start no new switch on this host for a while',
  description:
    'Takes effect within seconds and is journalled with its reason. A switch under way is not stopped. It ends by itself.',
  arguments: [{ name: 'duration', description: '90s, 30min, 2h, 3d' }],
  options: [{ flags: '--reason <text>', description: 'why, for the journal; required' }, agentConfigOption],
  examples: [{ line: "nixfleet agent hold 2h --reason 'restoring a backup'", explains: 'for two hours' }],
  load: () => import('../handlers/agent-hold.ts'),
};
