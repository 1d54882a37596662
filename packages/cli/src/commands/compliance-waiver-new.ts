import type { CommandDefinition } from '../command-definition.ts';
import { verificationOptions } from '../config/setting-options.ts';

export const complianceWaiverNewCommand: CommandDefinition = {
  name: 'compliance waiver new',
  summary: 'write a waiver for a rule, for an approver to sign',
  description:
    'Writes compliance/waivers/<id>.json into the work tree. A waiver accepts a risk for a time: it changes what a failure ' +
    'decides, never what was measured. It ends at most 365 days later, 90 for a rule of severity minimal, is for hosts, tags ' +
    'or one channel, and its owner is another person than its approver. With --releases and --trust it is held against the rules ' +
    'of the current release and the approvers of the newest trust.',
  options: [
    { flags: '--control <id>', description: 'control of the rule, such as access-control' },
    { flags: '--rule <id>', description: 'the rule, such as AC-01' },
    { flags: '--host <name>', description: 'a host it is for', isRepeatable: true },
    { flags: '--tag <name>', description: 'or a tag', isRepeatable: true },
    { flags: '--channel <name>', description: 'or a channel' },
    { flags: '--justification <text>', description: 'why, in at least 40 characters' },
    { flags: '--owner <person>', description: 'who answers for the risk' },
    { flags: '--approver <signer>', description: 'who will sign it: an approver of the trust document' },
    { flags: '--for <duration>', description: 'how long; default 90d' },
    { flags: '--review <instant>', description: 'when to look at it again; default half-way' },
    { flags: '--risk <level>', description: 'low, medium or high; default medium' },
    {
      flags: '--compensating <text>',
      description: 'what stands in for the rule; needed for a high risk',
      isRepeatable: true,
    },
    { flags: '--ticket <text>', description: 'where it is discussed' },
    { flags: '--repository <directory>', description: 'work tree of the fleet; default .' },
    ...verificationOptions,
  ],
  json: { sentence: 'An object with id, path and expiresAt.' },
  examples: [
    {
      line: "nixfleet compliance waiver new --control access-control --rule AC-01 --host web-1 --owner 'Olivia' --approver alice --justification 'The appliance cannot do without until it is replaced in May.' --fleet demo",
      explains: 'for one host',
    },
  ],
  load: () => import('../handlers/compliance-waiver-new.ts'),
};
