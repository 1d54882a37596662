import type { CommandDefinition } from '../command-definition.ts';

export const hostRotateCommand: CommandDefinition = {
  name: 'host rotate',
  summary: "print the safe order for replacing a host's key",
  description:
    'Changes nothing: prints the steps, with the commands of this host and of your secrets manager filled in. Two keys overlap in ' +
    'the declaration and in every secret until the host has converged with the new one, so that at no step it is locked out.',
  arguments: [{ name: 'host', description: 'name of the host' }],
  options: [
    { flags: '--repository <directory>', description: 'the fleet repository; default .' },
    { flags: '--secrets <manager>', description: 'agenix, sops or none (default)' },
  ],
  examples: [
    { line: 'nixfleet host rotate web-1 --secrets sops', explains: 'with secrets that sops encrypts to the host key' },
  ],
  load: () => import('../handlers/host-rotate.ts'),
};
