import type { OptionDefinition } from '../command-definition.ts';

/** Where the module puts the agent's settings. */
export const agentConfigDefault = '/etc/nixfleet/agent.json';

export const agentConfigOption: OptionDefinition = {
  flags: '--config <file>',
  description: `settings of the agent; default ${agentConfigDefault}`,
};
