import type { CommandDefinition } from './command-definition.ts';
import { configShowCommand } from './commands/config-show.ts';
import { hostShowCommand } from './commands/host-show.ts';
import { rolloutEventsCommand } from './commands/rollout-events.ts';
import { rolloutListCommand } from './commands/rollout-list.ts';
import { rolloutShowCommand } from './commands/rollout-show.ts';
import { statusCommand } from './commands/status.ts';
import { verifyJournalCommand } from './commands/verify-journal.ts';
import { verifyReleaseCommand } from './commands/verify-release.ts';
import { verifyRolloutCommand } from './commands/verify-rollout.ts';
import { verifyTrustCommand } from './commands/verify-trust.ts';
import { whyCommand } from './commands/why.ts';

export interface CommandGroup {
  readonly name: string;
  readonly summary: string;
}

/** First words that stand before a command of their own. */
export const commandGroups: readonly CommandGroup[] = [
  { name: 'rollout', summary: 'look at rollouts' },
  { name: 'host', summary: 'look at a host' },
  { name: 'verify', summary: 'check signed documents and journals, offline' },
  { name: 'config', summary: 'settings of this program' },
];

/** Every command, in the order of the help. */
export const commands: readonly CommandDefinition[] = [
  statusCommand,
  whyCommand,
  rolloutListCommand,
  rolloutShowCommand,
  rolloutEventsCommand,
  hostShowCommand,
  verifyTrustCommand,
  verifyReleaseCommand,
  verifyRolloutCommand,
  verifyJournalCommand,
  configShowCommand,
];
