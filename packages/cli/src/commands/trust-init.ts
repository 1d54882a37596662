import type { CommandDefinition } from '../command-definition.ts';
import { fleetOption, jsonOption } from '../config/setting-options.ts';
import { proposalSentence, rootKeyOption, targetOptions } from '../release-setup/options.ts';
import { trustOptions } from '../release-setup/trust-options.ts';

export const trustInitCommand: CommandDefinition = {
  name: 'trust init',
  summary: 'begin a fleet: sign and publish trust document 1',
  description:
    'Says who may sign what from now on: the next trust document (root), releases, heads, holds (approver); which cache ' +
    "keys count; and which control planes' TLS keys are accepted, one of them a spare that is kept offline. Its hash is " +
    'what every control plane, agent and auditor starts from: hand it over by other means than the releases.',
  options: [
    fleetOption,
    ...targetOptions.filter(({ flags }) => flags.startsWith('--releases')),
    ...trustOptions.init,
    rootKeyOption,
    {
      flags: '--document <file>',
      description: 'publish this document, which nixfleet init wrote, in place of one made of the options above',
    },
    { flags: '--output <file>', description: 'write the document there too, as the starting point to hand out' },
    jsonOption,
  ],
  json: { sentence: proposalSentence },
  examples: [
    {
      line: 'nixfleet trust init --fleet acme --releases ./releases --signer root=root.pem --signer ci=ci.pem --signer head=head.pem --role root=1:root --role release=1:ci --role head=1:head --cache-key cache.pub --control-plane-key cp.pem --spare-control-plane-key spare.pem --root-key root.pem --output trust-1.json',
      explains: 'the smallest fleet: one signer for each role (of a key file only the public half is used)',
    },
    {
      line: 'nixfleet trust init --fleet acme --releases ./releases --signer alice=alice.pub --signer bob=bob.pub --signer ci=ci.pub --role root=2:alice,bob --role release=1:ci --role head=1:ci --role approver=1:alice,bob --role emergency=2 --cache-key cache.pub --control-plane-key cp.pem --spare-control-plane-key spare.pem --root-key alice.pem --output trust-1.json',
      explains: 'two people must sign: bob adds his signature with nixfleet trust sign',
    },
  ],
  load: () => import('../handlers/trust-init.ts'),
};
