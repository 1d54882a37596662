import type { CommandDefinition } from '../command-definition.ts';

export const initCommand: CommandDefinition = {
  name: 'init',
  summary: 'begin a fleet: write its repository, with fresh keys and trust',
  description:
    'Writes a complete repository: flake.nix, fleet.nix, one host, operators, trust with freshly made keys, a CI workflow whose ' +
    'jobs build, sign and publish apart from each other, .gitignore and a README with the next three commands. Private keys go ' +
    'to keys/, which git ignores. What no option says is asked at the terminal. Nothing that is there is overwritten.',
  arguments: [{ name: 'directory', description: 'where; default .', isOptional: true }],
  options: [
    { flags: '--fleet <name>', description: 'name of the fleet; default that of the directory' },
    { flags: '--host <name>', description: 'name of the first host; default web-1' },
    { flags: '--system <system>', description: 'the Nix system it runs; default x86_64-linux' },
    { flags: '--pubkey <key>', description: 'its public key, a line or a file; default a new key pair in keys/hosts/' },
    { flags: '--releases <place>', description: 'where releases are published: <git remote>#<branch>' },
    { flags: '--control-plane <url>', description: 'URL of the control plane' },
    { flags: '--cache <url>', description: 'URL of the binary cache that hosts fetch from' },
    { flags: '--ci <forge>', description: 'whose CI: forgejo (default), github or gitlab' },
    {
      flags: '--operator <name=key>',
      description: 'who may read the control plane: a name, and a public key or its file',
    },
    { flags: '--nixfleet <flake>', description: 'the flake of NixFleet; default github:nixfleet/nixfleet' },
  ],
  examples: [
    { line: 'nixfleet init acme', explains: 'ask for everything' },
    {
      line: 'nixfleet init acme --releases git@git.example.org:acme/fleet.git#releases --control-plane https://control.example.org:8443 --cache https://cache.example.org --operator ada=ada.pub',
      explains: 'ask for nothing',
    },
  ],
  load: () => import('../handlers/init.ts'),
};
