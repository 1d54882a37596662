import type { CommandDefinition } from '../command-definition.ts';
import { connectionOptions, jsonOption } from '../config/setting-options.ts';

export const whyCommand: CommandDefinition = {
  name: 'why',
  summary: 'say why a host does not run its target, and when that ends',
  description:
    'One sentence for each thing that stands between the host and its target, with the instant it ends where there is one.',
  arguments: [{ name: 'host', description: 'name of the host' }],
  options: [jsonOption, ...connectionOptions],
  json: { schema: 'why-view' },
  examples: [
    { line: 'nixfleet why web-1', explains: 'what web-1 waits for' },
    { line: 'nixfleet why web-1 --json', explains: 'the same with codes for programs' },
  ],
  load: () => import('../handlers/why.ts'),
};
