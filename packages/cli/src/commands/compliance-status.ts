import type { CommandDefinition } from '../command-definition.ts';
import { connectionOptions, verificationOptions } from '../config/setting-options.ts';

export const complianceStatusCommand: CommandDefinition = {
  name: 'compliance status',
  summary: 'what the configurations of the current release come to, or what runs',
  description:
    'Counts of every host, each failure with its fix, and the waivers that it rests on and that end within 30 days, from the ' +
    'static report of the current release: it speaks of configurations. With --live it speaks of what runs: the newest evidence of each host, asked of the control plane and verified ' +
    'by the keys that the release declares; a line a host with what was decided, how old it is and whether it verifies.',
  options: [
    { flags: '--host <name>', description: 'this host only', isRepeatable: true },
    { flags: '--live', description: 'newest evidence of each host, from the control plane' },
    { flags: '--format <format>', description: 'the static report as sarif (SARIF 2.1.0) or junit, for CI' },
    ...verificationOptions,
    ...connectionOptions.filter(({ flags }) => !flags.startsWith('--trust ')),
  ],
  json: {
    sentence:
      'An object with version, createdAt, summary, hosts (host, mode, and counts of rules) and endingWaivers (each document with hosts, isEnforced, withinDays: 30, 14 or 7, and daysLeft, negative once it has run out). With --live: version, at and hosts (host, collectedAt, ageSeconds, signature: verified, missing or why it does not verify, detail, release: current, earlier or none, decision, failing: controls, waived: controls); decision is null where nothing verifies.',
  },
  examples: [
    { line: 'nixfleet compliance status --releases ./releases --trust trust-1.json', explains: 'every host' },
    {
      line: 'nixfleet compliance status --live --json',
      explains: 'what runs, with the settings of the configuration file',
    },
    { line: 'nixfleet compliance status --format sarif > compliance.sarif', explains: 'for a code-scanning view' },
  ],
  load: () => import('../handlers/compliance-status.ts'),
};
