import type { OptionDefinition } from '../command-definition.ts';

/** Where releases are published: read and written by every command of CI. */
export const targetOptions: readonly OptionDefinition[] = [
  {
    flags: '--releases <place>',
    description: 'where releases are published: a directory, or <git remote>#<branch> (path or URL)',
  },
  {
    flags: '--trust <file>',
    description: 'trust document that this machine starts from; never taken from the place itself',
  },
];

const keySyntax = 'a private key file, or hook:<public key file>:<shell command>';

export const releaseKeyOption: OptionDefinition = {
  flags: '--release-key <key>',
  description: `key of a release signer: ${keySyntax}`,
  isRepeatable: true,
};
export const headKeyOption: OptionDefinition = {
  flags: '--head-key <key>',
  description: `key of a head signer: ${keySyntax}`,
  isRepeatable: true,
};
export const rootKeyOption: OptionDefinition = {
  flags: '--root-key <key>',
  description: `key of a root signer: ${keySyntax}`,
  isRepeatable: true,
};

export const approverKeyOption: OptionDefinition = {
  flags: '--approver-key <key>',
  description:
    "an approver's key: a key file (FIDO too), the .pub of one that ssh-agent holds, or hook:<public key file>:<shell command>",
  isRepeatable: true,
};

/** Control planes that are told to look at once. Which keys they have is in the trust document. */
export const hintOptions: readonly OptionDefinition[] = [
  {
    flags: '--control-plane <url>',
    description: 'tell this control plane to look at once; the others look within their pollSeconds',
    isRepeatable: true,
  },
];

/** What the signer of heads remembers and how long a head lives. */
export const headOptions: readonly OptionDefinition[] = [
  {
    flags: '--floors <file>',
    description: 'what this signer signed last; default $XDG_STATE_HOME/nixfleet/<fleet>-floors.json',
  },
  { flags: '--first-use', description: 'there are no floors yet: accept what is published as the first thing seen' },
  { flags: '--head-life <duration>', description: 'how long a head is valid; default 1d, at least 1h, at most 7d' },
];

export const buildOptions: readonly OptionDefinition[] = [
  {
    flags: '--source <fleet>',
    description:
      'the fleet expression: a file, a folder with fleet.nix or default.nix, or a flake reference; default .',
  },
  { flags: '--attribute <path>', description: 'attribute of the file that is the fleet' },
  {
    flags: '--facts <file>',
    description: 'what the forge and a scanner say of this commit: author, approvals, advisories; JSON',
  },
  { flags: '--system <system>', description: 'build hosts of this system only', isRepeatable: true },
  { flags: '--eval-workers <count>', description: 'hosts evaluated at once; default 4' },
  { flags: '--eval-memory <MiB>', description: 'memory of all evaluations together; default half of what there is' },
  { flags: '--builds <count>', description: 'hosts built at once; default 4' },
  { flags: '--store <url>', description: "Nix store to evaluate and build in; default Nix's own" },
  { flags: '--nix-option <name=value>', description: 'option for every call of Nix', isRepeatable: true },
  {
    flags: '--roots <directory>',
    description: 'links that protect builds from garbage collection; default in the cache',
  },
  { flags: '--push-to <url>', description: 'copy closures to this store (nix copy --to)' },
  { flags: '--push-hook <command>', description: 'shell command for each host, with NIXFLEET_HOST and NIXFLEET_PATH' },
  { flags: '--verbose', description: 'show what Nix prints' },
];

export const cacheOption: OptionDefinition = {
  flags: '--cache <url>',
  description: 'the cache that hosts fetch from, checked before anything is signed; default what --push-to names',
};

export const assembleOptions: readonly OptionDefinition[] = [
  { flags: '--carry-over', description: 'hosts that failed to build keep the closure of the release before' },
  { flags: '--retry <host>', description: 'try a quarantined closure of this host once more', isRepeatable: true },
  { flags: '--force', description: 'make a release even if it says the same as the last' },
];

/** Of `assembleOptions`, what a plan can show. */
export const planAssembleOptions: readonly OptionDefinition[] = assembleOptions.filter(({ flags }) =>
  flags.startsWith('--carry-over'),
);

/** A release that does not wait for windows and freezes. */
export const emergencyOptions: readonly OptionDefinition[] = [
  {
    flags: '--emergency',
    description: "pass change windows and freezes (never holds), once trust's number of approvers signed it",
  },
  { flags: '--reason <text>', description: 'why it is an emergency' },
  { flags: '--expires <when>', description: 'when it stops being one: a duration (4h) or an instant; at most 7d' },
];

export const rollbackOption: OptionDefinition = {
  flags: '--allow-rollback',
  description: 'release a commit that does not descend from the last released one',
};

export const releaseSentence =
  'An object with kind (nothing-to-release, dry-run, assembled, pending or published), version, previousVersion, sha256, source, ' +
  'changedChannels, warnings and hosts (host, channel, closure, previous, change, packages); once published, revision and head; ' +
  'while pending, revision and missing.';

export const proposalSentence = 'An object with version, sha256 and missing (null once it is published).';

export const ciReportOption: OptionDefinition = {
  flags: '--compliance-report <file>',
  description:
    'also write what the static gate finds, whether or not it refuses: SARIF 2.1.0 to a name in .sarif, JUnit to one in .xml',
  isRepeatable: true,
};
