import type { CommandDefinition } from '../command-definition.ts';
import { connectionOptions, fleetOption, jsonOption, releasesOption } from '../config/setting-options.ts';

export const complianceFetchCommand: CommandDefinition = {
  name: 'compliance fetch',
  summary: 'bring evidence of a period from the control plane, for a packet',
  description:
    'Writes <host>/<day>.tar.zst and <host>/journal.jsonl into the folder that `compliance packet create --evidence` reads: whole ' +
    'days, every document that a host signed with a key that a release declares for that time. What does not verify is named and ' +
    'not kept: the control plane is not trusted. Interrupted, it goes on where it was: days that are there stay, and only the ' +
    'newest of them is fetched again. Exit 1: something was refused.',
  options: [
    {
      flags: '--host <name>',
      description: 'a host; default every host of the releases of the period',
      isRepeatable: true,
    },
    { flags: '--from <instant>', description: 'start of the period, such as 2026-06-01T00:00:00Z' },
    { flags: '--to <instant>', description: 'its end, exclusive' },
    { flags: '--evidence <directory>', description: 'where to write; made if it is not there' },
    releasesOption,
    ...connectionOptions,
    fleetOption,
    jsonOption,
  ],
  json: {
    sentence:
      'An object with ok and hosts (host, documents, days, kept: days that were there, events of the journal or null, refused: the first hundred with reason and detail).',
  },
  examples: [
    {
      line: 'nixfleet compliance fetch --from 2026-06-01T00:00:00Z --to 2026-07-01T00:00:00Z --evidence ./evidence --releases ./releases --trust trust-1.json',
      explains: 'every host in June',
    },
  ],
  load: () => import('../handlers/compliance-fetch.ts'),
};
