import type { CommandDefinition } from '../command-definition.ts';
import { jsonOption } from '../config/setting-options.ts';

export const compliancePacketVerifyCommand: CommandDefinition = {
  name: 'compliance packet verify',
  summary: 'check a packet offline and name every break',
  description:
    'Walks from the trust document that you give to every measurement: trust chain, releases with what they bind, keys of ' +
    'each host at each time, every signature, chain, closure, catalogue and waiver, journals, commits, drills. The report ' +
    'and the files for stock tools are written again from what was verified and compared. Exit 0: everything holds; 1: something does not, and each ' +
    'break is named; 3, with --require-compliant: a control failed; 4: a time in the period has no evidence.',
  arguments: [{ name: 'packet', description: 'folder or zip archive of the packet' }],
  options: [
    {
      flags: '--trust <file>',
      description: 'trust document to start from; trusted because you give it: get it by another way than the packet',
    },
    { flags: '--trust-sha256 <hash>', description: 'expected SHA-256 of that document' },
    { flags: '--require-compliant', description: 'exit 3 if an unwaived failure is in it' },
    { flags: '--jobs <n>', description: 'threads; default one for each core where there is much to do' },
    jsonOption,
  ],
  json: {
    sentence:
      'An object with ok, hosts (host, asked, collections, first, last, gaps), breaks (code, where, detail), incomplete (hosts with gaps) and hasFailures.',
  },
  examples: [
    { line: 'nixfleet compliance packet verify packet-june --trust trust-1.json', explains: 'all of it, offline' },
  ],
  load: () => import('../handlers/compliance-packet-verify.ts'),
};
