import { agentConfigOption } from '../agent/agent-options.ts';
import type { CommandDefinition } from '../command-definition.ts';

export const agentRunCommand: CommandDefinition = {
  name: 'agent run',
  summary: 'run the agent of this host',
  description:
    'Until it is told to stop. Log lines are JSON on standard error. A switch under way is not interrupted when the agent ' +
    'ends: the dead man’s switch outside it guards it, and the next start takes it up again.',
  options: [agentConfigOption],
  examples: [{ line: 'nixfleet agent run --config /etc/nixfleet/agent.json', explains: 'what the service does' }],
  isService: true,
  load: () => import('../handlers/agent-run.ts'),
};
