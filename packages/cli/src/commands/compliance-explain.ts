import type { CommandDefinition } from '../command-definition.ts';
import { verificationOptions } from '../config/setting-options.ts';

export const complianceExplainCommand: CommandDefinition = {
  name: 'compliance explain',
  summary: 'say what a rule is for, where it fails and what to do',
  description:
    'From the static report and the catalogues of the current release, verified offline from the trust ' +
    'document that you give.',
  arguments: [{ name: 'rule', description: 'identifier of the rule, such as AC-01' }],
  options: [{ flags: '--host <name>', description: 'this host only', isRepeatable: true }, ...verificationOptions],
  json: { sentence: 'An object with control, rule and hosts (host, result).' },
  examples: [
    { line: 'nixfleet compliance explain AC-01 --releases ./releases --trust trust-1.json', explains: 'on every host' },
  ],
  load: () => import('../handlers/compliance-explain.ts'),
};
