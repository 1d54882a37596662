import type { OptionDefinition } from '../command-definition.ts';

/** Options of every command that asks a control plane. */
export const connectionOptions: readonly OptionDefinition[] = [
  {
    flags: '--control-plane <url>',
    description: 'control plane to ask; the next one is tried when it is silent',
    isRepeatable: true,
  },
  { flags: '--pin <sha256>', description: 'accept a server with this key (SHA-256 of its SPKI)', isRepeatable: true },
  { flags: '--trust <file>', description: 'trust document that pins the control planes' },
  { flags: '--identity <file>', description: 'your private key: OpenSSH ed25519, or PKCS#8 PEM, without a passphrase' },
];

export const jsonOption: OptionDefinition = { flags: '--json', description: 'print JSON instead of text' };

export const releasesOption: OptionDefinition = {
  flags: '--releases <place>',
  description: 'the signed documents: a directory, or <git repository>#<ref>',
};

export const fleetOption: OptionDefinition = { flags: '--fleet <name>', description: 'name of the fleet' };

/** Options of every offline check. */
export const verificationOptions: readonly OptionDefinition[] = [
  releasesOption,
  { flags: '--trust <file>', description: 'trust document to start from; it is trusted because you give it' },
  {
    flags: '--trust-sha256 <hash>',
    description:
      'expected SHA-256 of the starting document; without --trust it may then be trust/1.json of the releases',
  },
  { flags: '--at <instant>', description: 'judge expiry at this instant (2026-06-01T08:00:00Z) instead of now' },
  fleetOption,
  jsonOption,
];

export const verificationReportSentence =
  'An object with ok, fleet, at, steps (document, sha256, statement, signers, keyIds) and refusal (reason and detail, or null).';
