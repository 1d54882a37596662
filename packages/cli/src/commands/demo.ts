import type { CommandDefinition } from '../command-definition.ts';

export const demoCommand: CommandDefinition = {
  name: 'demo',
  summary: 'watch a fleet of four deploy, refuse, roll back, recover and be audited',
  description:
    'Sets up a forge with CI, a signed cache, a control plane and four hosts in a temporary directory, all on loopback, ' +
    'and plays ten steps with them, about a minute in all. Needs git, Nix and ssh-keygen. Exits 1 if any step did not ' +
    'happen, and then leaves its logs.',
  options: [{ flags: '--keep', description: 'leave the fleet running afterwards, until interrupted' }],
  examples: [
    { line: 'nixfleet demo', explains: 'the story, step by step' },
    { line: 'nixfleet demo --keep', explains: 'and then look at it with status, why, rollout and verify' },
  ],
  isService: true,
  load: () => import('../handlers/demo.ts'),
};
