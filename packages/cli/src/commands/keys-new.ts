import type { CommandDefinition } from '../command-definition.ts';
import { jsonOption } from '../config/setting-options.ts';

export const keysNewCommand: CommandDefinition = {
  name: 'keys new',
  summary: 'make a private key',
  description: 'PKCS#8 PEM, readable by you alone; never overwrites. Prints the public half as keys show does.',
  arguments: [{ name: 'file', description: 'where it is written' }],
  options: [{ flags: '--algorithm <name>', description: 'ed25519 (default) or ecdsa-p256' }, jsonOption],
  json: {
    sentence: 'An object with algorithm, keyId, declared (for trust documents), openssh, fingerprint and spkiPem.',
  },
  examples: [{ line: 'nixfleet keys new ci.pem', explains: 'an ed25519 key' }],
  load: () => import('../handlers/keys-new.ts'),
};
