import { z } from 'zod';

/** What Nix's settings say of signatures, after every file of the machine was read. */
export interface EffectiveConfig {
  readonly requireSigs: boolean;
  /** Those that are set as trusted, as text: what they offer is taken without a signature. */
  readonly trustedSubstituters: readonly string[];
  /** Null where this Nix does not say: the daemon's settings are not everybody's to see. */
  readonly trustedUsers: readonly string[] | null;
}

const Setting = <Value extends z.ZodType>(value: Value) => z.object({ value });
/** An URL; or, where a store reference is an object, its scheme, authority and parameters beside each other. */
const Substituter = z.union([z.string(), z.record(z.string(), z.json())]);
const Shown = z.object({
  'require-sigs': Setting(z.boolean()),
  substituters: Setting(z.array(Substituter)).optional(),
  'trusted-users': Setting(z.array(z.string())).optional(),
});

/**
 * Parses `nix show-config --json` (up to 2.19) and `nix config show --json` (since, and Lix). Null for anything else: what
 * cannot be read is not taken for safe.
 *
 * Shapes seen: 2.8 as it prints them here; since 2.14 each setting has `experimentalFeature` too (libutil/configuration.cc,
 * `AbstractSetting::toJSONObject`), in Lix as well; since 2.32 substituters are store references, printed as URLs
 * (libstore/store-reference.cc), and as objects of scheme, authority and parameters in a branch of it.
 */
export function parseEffectiveConfig(text: string): EffectiveConfig | null {
  const shown = Shown.safeParse(jsonOf(text));
  if (!shown.success) return null;
  const { 'require-sigs': requireSigs, substituters, 'trusted-users': trustedUsers } = shown.data;
  return {
    requireSigs: requireSigs.value,
    trustedSubstituters: (substituters?.value ?? []).filter(isTrusted).map(textOf),
    trustedUsers: trustedUsers?.value ?? null,
  };
}

/** Whether its signatures would not be checked. */
export function isTrustedUrl(url: string): boolean {
  return /[?&]trusted=(?!0|false)/i.test(url);
}

function isTrusted(substituter: z.infer<typeof Substituter>): boolean {
  if (typeof substituter === 'string') return isTrustedUrl(substituter);
  const { trusted } = substituter;
  return trusted !== undefined && !/^(?:0|false)$/i.test(String(trusted));
}

function textOf(substituter: z.infer<typeof Substituter>): string {
  return typeof substituter === 'string' ? substituter : `${substituter.scheme}://${substituter.authority}`;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
