import type { CommandDefinition } from '../command-definition.ts';
import { jsonOption } from '../config/setting-options.ts';
import { targetOptions } from '../release-setup/options.ts';

export const holdsListCommand: CommandDefinition = {
  name: 'holds list',
  summary: 'the holds that lie at the place of publication, and where each stands',
  description:
    'in-force: named by the head, every agent obeys it. unnamed: control planes obey it, agents with the next head. lifting: ' +
    'approvers ended it, agents go on with the next head. pending: too few approvers signed it. lifted, ended: over.',
  options: [...targetOptions, jsonOption],
  json: { schema: 'holds-view' },
  examples: [{ line: 'nixfleet holds list', explains: 'what holds which channel, and until when' }],
  load: () => import('../handlers/holds-list.ts'),
};
