import type { CommandDefinition } from '../command-definition.ts';

export const hostAddCommand: CommandDefinition = {
  name: 'host add',
  summary: 'declare a new host in the fleet repository',
  description:
    'Writes hosts/<name>/ with what the fleet knows of the host and a configuration to begin with, checks that the whole fleet ' +
    'is right with it, and says what to commit. Its identity is its public key: given, read over ssh and confirmed by its ' +
    'fingerprint, or made here together with the tree that nixos-anywhere copies to the new machine.',
  arguments: [{ name: 'host', description: 'name of the host' }],
  options: [
    { flags: '--repository <directory>', description: 'the fleet repository; default .' },
    { flags: '--system <system>', description: 'the Nix system it runs; default x86_64-linux' },
    { flags: '--channel <name>', description: 'its channel; default the only one there is' },
    { flags: '--tag <name>', description: 'a tag of it', isRepeatable: true },
    { flags: '--pubkey <key>', description: 'its public key: the line, or a file with it' },
    { flags: '--ssh <address>', description: 'read its key from the sshd there: host, host:port or [address]:port' },
    { flags: '--fingerprint <sha256>', description: 'what the key read over ssh must be, as ssh-keygen -l prints it' },
    {
      flags: '--generate',
      description: 'make a key pair in keys/hosts/<name>/, for a machine that does not exist yet',
    },
  ],
  examples: [
    {
      line: 'nixfleet host add web-2 --tag web --ssh web-2.example.org',
      explains: 'a machine that runs; asks you to compare its fingerprint',
    },
    {
      line: 'nixfleet host add db-1 --channel data --generate',
      explains: 'a machine to be installed with nixos-anywhere',
    },
  ],
  load: () => import('../handlers/host-add.ts'),
};
