import type { CommandDefinition } from '../command-definition.ts';
import { verificationOptions } from '../config/setting-options.ts';

export const complianceGapCommand: CommandDefinition = {
  name: 'compliance gap',
  summary: 'what is missing for a framework, and the lines that would close it',
  description:
    'Rules that contribute evidence to the framework and fail, are not active at the level that you ask ' +
    'for, are disabled, or are measured by nothing, on every host: also one that has the framework not ' +
    'enabled, or has no compliance module. Each has the lines that would close it and what they would do; ' +
    '`by hand:` stands before what no line does. At the end stand all lines of a host once, for its ' +
    'configuration and for the fleet. See docs/compliance/README.md, Before a framework is enabled. Points of ' +
    'the framework that no rule speaks of are in docs/compliance/coverage.md.',
  options: [
    { flags: '--framework <name>', description: 'such as nis2, dora or anssi-bp028' },
    {
      flags: '--level <level>',
      description: 'minimal, standard, strict, paranoid, or as ANSSI-BP-028 calls them; default paranoid: every rule',
    },
    { flags: '--host <name>', description: 'this host only', isRepeatable: true },
    ...verificationOptions,
  ],
  json: {
    sentence:
      'An object with framework, level, gaps (host, ruleId or null, name, kind, why, fix, effect or null) and hosts (host, lines, fleetLines).',
  },
  examples: [
    {
      line: 'nixfleet compliance gap --framework nis2 --level strict --releases ./releases --trust trust-1.json',
      explains: 'on every host',
    },
  ],
  load: () => import('../handlers/compliance-gap.ts'),
};
