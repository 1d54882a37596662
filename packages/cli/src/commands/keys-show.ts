import type { CommandDefinition } from '../command-definition.ts';
import { jsonOption } from '../config/setting-options.ts';

export const keysShowCommand: CommandDefinition = {
  name: 'keys show',
  summary: 'show the public half of a key in every form',
  description:
    'From a private or public key file, PEM or OpenSSH: the keyId that signatures and pins go by, the OpenSSH line for ' +
    'hosts.<name>.pubkeys, the fingerprint as ssh-keygen -l prints it, and the PEM for openssl.',
  arguments: [{ name: 'file', description: 'private or public key' }],
  options: [jsonOption],
  json: {
    sentence: 'An object with algorithm, keyId, declared (for trust documents), openssh, fingerprint and spkiPem.',
  },
  examples: [
    { line: 'nixfleet keys show /etc/ssh/ssh_host_ed25519_key.pub', explains: 'the line for hosts.<name>.pubkeys' },
    { line: 'nixfleet keys show control-plane.pem --json | jq -r .keyId', explains: 'the pin of a control plane' },
  ],
  load: () => import('../handlers/keys-show.ts'),
};
