import type { CommandDefinition } from '../command-definition.ts';
import { verificationOptions } from '../config/setting-options.ts';

export const complianceStatusCommand: CommandDefinition = {
  name: 'compliance status',
  summary: 'what the configurations of the current release come to',
  description:
    'Counts of every host and each failure with its fix, from the static report of the current release. ' +
    'It speaks of configurations; what runs is measured by each host and is in its evidence.',
  options: [{ flags: '--host <name>', description: 'this host only', isRepeatable: true }, ...verificationOptions],
  json: { sentence: 'An object with version, createdAt, summary and hosts (host, mode, and counts of rules).' },
  examples: [{ line: 'nixfleet compliance status --releases ./releases --trust trust-1.json', explains: 'every host' }],
  load: () => import('../handlers/compliance-status.ts'),
};
