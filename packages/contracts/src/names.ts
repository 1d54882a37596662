import { z } from 'zod';

/** Longest name of a host, channel, tag, signer or operator, in characters: one DNS label (RFC 1035 §2.3.4). */
export const nameCharactersMax = 63;

const name = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'expected a name of 1 to 63 characters: a-z, 0-9 and -, not starting with -');

export const FleetName = name.brand<'FleetName'>();
export type FleetName = z.infer<typeof FleetName>;
export const HostName = name.brand<'HostName'>();
export type HostName = z.infer<typeof HostName>;
export const ChannelName = name.brand<'ChannelName'>();
export type ChannelName = z.infer<typeof ChannelName>;
export const PolicyName = name.brand<'PolicyName'>();
export type PolicyName = z.infer<typeof PolicyName>;
export const TagName = name.brand<'TagName'>();
export type TagName = z.infer<typeof TagName>;
export const SignerName = name.brand<'SignerName'>();
export type SignerName = z.infer<typeof SignerName>;
export const OperatorName = name.brand<'OperatorName'>();
export type OperatorName = z.infer<typeof OperatorName>;
export const CheckName = name.brand<'CheckName'>();
export type CheckName = z.infer<typeof CheckName>;
export const BudgetName = name.brand<'BudgetName'>();
export type BudgetName = z.infer<typeof BudgetName>;

/** 64 lower-case hexadecimal digits. */
export const Sha256Hex = z
  .string()
  .regex(/^[0-9a-f]{64}$/, 'expected 64 lower-case hexadecimal digits')
  .brand<'Sha256Hex'>();
export type Sha256Hex = z.infer<typeof Sha256Hex>;

/** A rollout is identified by the SHA-256 of its manifest's bytes. */
export const RolloutId = Sha256Hex.brand<'RolloutId'>();
export type RolloutId = z.infer<typeof RolloutId>;

/** A git commit: 40 (SHA-1) or 64 (SHA-256) hexadecimal digits. */
export const Commit = z
  .string()
  .regex(/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/, 'expected a full git commit hash')
  .brand<'Commit'>();
export type Commit = z.infer<typeof Commit>;

/** `/nix/store/<32 base-32 digits>-<name>`, never with a sub-path. */
export const StorePath = z
  .string()
  .regex(
    /^\/nix\/store\/[0-9abcdfghijklmnpqrsvwxyz]{32}-[0-9a-zA-Z+_?=][0-9a-zA-Z+\-._?=]{0,210}$/,
    'expected a store path /nix/store/<hash>-<name>',
  )
  .brand<'StorePath'>();
export type StorePath = z.infer<typeof StorePath>;

/** The random identifier of one journal epoch: 32 lower-case hexadecimal digits. */
export const JournalId = z
  .string()
  .regex(/^[0-9a-f]{32}$/, 'expected 32 lower-case hexadecimal digits')
  .brand<'JournalId'>();
export type JournalId = z.infer<typeof JournalId>;

/** The kernel's boot identifier (`/proc/sys/kernel/random/boot_id`), or a backend's equivalent. */
export const BootId = z
  .string()
  .regex(/^[0-9a-zA-Z.-]{1,64}$/, 'expected a boot identifier')
  .brand<'BootId'>();
export type BootId = z.infer<typeof BootId>;

/** A Nix system, such as `x86_64-linux`. */
export const SystemName = z
  .string()
  .regex(/^[a-z0-9_]{1,32}-[a-z0-9]{1,32}$/, 'expected a Nix system such as x86_64-linux')
  .brand<'SystemName'>();
export type SystemName = z.infer<typeof SystemName>;
