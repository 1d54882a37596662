import type { OptionDefinition } from '../command-definition.ts';

const declareOptions: readonly OptionDefinition[] = [
  {
    flags: '--signer <name=file>',
    description: 'public key of a signer (OpenSSH line or PEM); given again for one name, it has several',
    isRepeatable: true,
  },
  {
    flags: '--role <role=n:names>',
    description: 'who has a role and how many must sign: root=2:alice,bob,carol; emergency=2 for approvers',
    isRepeatable: true,
  },
  { flags: '--cache-key <key>', description: 'public key of the binary cache, or a file with it', isRepeatable: true },
  {
    flags: '--control-plane-key <key>',
    description: "a control plane's TLS key: a key file, or the SHA-256 of its SPKI",
    isRepeatable: true,
  },
  {
    flags: '--spare-control-plane-key <key>',
    description: 'the same for the spare whose private half is kept offline; at least one is needed',
    isRepeatable: true,
  },
];

export const trustOptions = {
  init: declareOptions,
  update: [
    ...declareOptions,
    {
      flags: '--remove-signer <name>',
      description: 'forget a signer; roles must not name it any more',
      isRepeatable: true,
    },
    { flags: '--remove-cache-key <key>', description: 'forget a cache key, by its name or whole', isRepeatable: true },
    { flags: '--remove-control-plane <sha256>', description: 'forget a control plane by its pin', isRepeatable: true },
  ] satisfies readonly OptionDefinition[],
} as const;
