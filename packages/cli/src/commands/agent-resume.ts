import { agentConfigOption } from '../agent/agent-options.ts';
import type { CommandDefinition } from '../command-definition.ts';

export const agentResumeCommand: CommandDefinition = {
  name: 'agent resume',
  summary: 'lift the hold of this host',
  description: 'Only the hold set on the host itself: holds by approvers are lifted in the releases.',
  options: [agentConfigOption],
  examples: [{ line: 'nixfleet agent resume', explains: 'before its time' }],
  load: () => import('../handlers/agent-resume.ts'),
};
