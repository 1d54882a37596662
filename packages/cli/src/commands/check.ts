import type { CommandDefinition } from '../command-definition.ts';
import { jsonOption } from '../config/setting-options.ts';

export const checkCommand: CommandDefinition = {
  name: 'check',
  summary: 'check a fleet repository, offline',
  description:
    'Evaluates fleet.nix with the Nix half of this program and without nixpkgs: topology, rules, keys, waves, ' +
    'time zones of windows and freezes, pins and freezes that are over; no host is evaluated or built. Then the trust documents in trust/, and that no private key is in git. Exit code 1 for an error; ' +
    'warnings are told and pass.',
  arguments: [{ name: 'directory', description: 'the repository; default .', isOptional: true }],
  options: [jsonOption],
  json: {
    sentence:
      'An object with hosts (names, null if the fleet does not evaluate) and findings (severity, where, what, next).',
  },
  examples: [{ line: 'nixfleet check', explains: 'before a commit, or as the first step of CI' }],
  load: () => import('../handlers/check.ts'),
};
