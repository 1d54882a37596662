import type { CommandDefinition } from '../command-definition.ts';

export const adoptCommand: CommandDefinition = {
  name: 'adopt',
  summary: 'write the fleet declaration for machines that are there already',
  description:
    'Reads the names, tags and addresses of a colmena hive, of deploy-rs nodes, or of the nixosConfigurations of a flake, and writes ' +
    'fleet.nix, hosts/<name>/default.nix, trust and fresh keys beside it; their configurations stay where and as they are. The ' +
    'channel observes: it plans and reports, and switches nothing until you say so. Host keys are taken from known_hosts; ' +
    'for hosts that are not in there, it says what to run. Nothing that is there is overwritten.',
  arguments: [{ name: 'directory', description: 'the repository; default .', isOptional: true }],
  options: [
    { flags: '--from <kind>', description: 'colmena, deploy-rs or flake; default what is found' },
    { flags: '--fleet <name>', description: 'name of the fleet; default that of the directory' },
    {
      flags: '--system <system>',
      description: 'the Nix system of the hosts, or <host>=<system> for one of them; default x86_64-linux',
      isRepeatable: true,
    },
    { flags: '--known-hosts <file>', description: 'where host keys are looked up; default ~/.ssh/known_hosts' },
    { flags: '--control-plane <url>', description: 'URL of the control plane' },
    { flags: '--cache <url>', description: 'URL of the binary cache that hosts fetch from' },
  ],
  examples: [
    {
      line: 'nixfleet adopt --control-plane https://control.example.org:8443 --cache https://cache.example.org',
      explains: 'in the repository of a hive or a flake',
    },
    {
      line: 'nixfleet adopt --system pi-1=aarch64-linux --control-plane https://control.example.org --cache https://cache.example.org',
      explains: 'all hosts are x86_64-linux but one',
    },
  ],
  load: () => import('../handlers/adopt.ts'),
};
