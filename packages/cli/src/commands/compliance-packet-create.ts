import type { CommandDefinition } from '../command-definition.ts';
import { fleetOption, jsonOption, releasesOption } from '../config/setting-options.ts';

export const compliancePacketCreateCommand: CommandDefinition = {
  name: 'compliance packet create',
  summary: 'collect the evidence of hosts over a period for an auditor',
  description:
    'Writes a folder or a zip archive with the signed releases of the period, the collections of each host with their ' +
    'signatures, and a report, index.html, without scripts. Needs no control plane and no key. It is verified as an auditor ' +
    'would, and what does not verify is in the packet and named in the report. The same inputs make the same bytes. It ' +
    'appears whole or not at all; what is being made lies in a folder beside it, <output>.partial-<random>. In the folder of --evidence each ' +
    'host has a folder: <host>/**/*.json with .sig and .sshsig beside each, archives of such files, *.tar.zst, and ' +
    '<host>/journal.jsonl.',
  options: [
    { flags: '--host <name>', description: 'a host; default every host that has evidence', isRepeatable: true },
    { flags: '--from <instant>', description: 'start of the period, such as 2026-06-01T00:00:00Z' },
    { flags: '--to <instant>', description: 'its end, exclusive' },
    { flags: '--evidence <directory>', description: 'collected evidence, a folder for each host' },
    { flags: '--source <repository>', description: 'git repository of the fleet, for the commits that were released' },
    { flags: '--drills <directory>', description: 'drill records with their signatures' },
    { flags: '--output <path>', description: 'new folder for the packet, or a new file that ends in .zip' },
    releasesOption,
    { flags: '--trust <file>', description: 'trust document to start from' },
    fleetOption,
    { flags: '--jobs <n>', description: 'threads; default one for each core where there is much to do' },
    jsonOption,
  ],
  json: {
    sentence:
      'An object with ok, hosts (host, asked, collections, first, last, gaps), breaks (code, where, detail), incomplete (hosts with gaps) and hasFailures.',
  },
  examples: [
    {
      line: 'nixfleet compliance packet create --from 2026-06-01T00:00:00Z --to 2026-07-01T00:00:00Z --evidence ./evidence --releases ./releases --trust trust-1.json --output packet-june',
      explains: 'every host in June',
    },
  ],
  load: () => import('../handlers/compliance-packet-create.ts'),
};
