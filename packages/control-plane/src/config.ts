import { z } from 'zod';
import { ControlPlaneError } from './errors.ts';
import { Limits } from './limits.ts';
import { parseDatabaseUrl } from './store/database-url.ts';

const path = z.string().min(1).max(4096);
/** What git reads as a branch and never as an option. */
const branch = z.string().regex(/^(?!-)[A-Za-z0-9._/-]{1,200}$/, 'expected a branch name');

export const ReleaseSourceConfig = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('git'),
    /** Anything `git fetch` takes: an URL, `git@host:path`, a local path. */
    url: z
      .string()
      .min(1)
      .max(2048)
      .regex(/^(?!-)/, 'must not begin with -'),
    branch: branch.default('releases'),
    /** Folder of the branch that is `releases/`; empty for its top, where `nixfleet release` publishes. */
    path: z
      .string()
      .max(512)
      .regex(/^(?!\/)(?!.*(?:^|\/)\.\.?(?:\/|$))[A-Za-z0-9._/-]*$/, 'expected a relative folder')
      .default(''),
    identityFile: path.optional(),
    knownHostsFile: path.optional(),
  }),
  /** URL of `releases/` itself. Plain http only to this machine. */
  z.strictObject({
    kind: z.literal('https'),
    url: z
      .url({ protocol: /^https?$/ })
      .max(2048)
      .refine(
        (url) => /^https:/.test(url) || /^http:\/\/(?:127\.0\.0\.1|\[::1\]|localhost)(?:[:/]|$)/.test(url),
        'expected https (http only to this machine)',
      ),
  }),
  /** A folder that is `releases/` itself. */
  z.strictObject({ kind: z.literal('directory'), path }),
]);
export type ReleaseSourceConfig = z.infer<typeof ReleaseSourceConfig>;

/** A PostgreSQL database, which several control planes may share. */
export const DatabaseConfig = z.strictObject({
  /** `postgres://user@host/database`, without a password. */
  url: z
    .string()
    .min(1)
    .max(2048)
    .check((context) => {
      const parsed = parseDatabaseUrl(context.value);
      if (typeof parsed === 'string') context.issues.push({ code: 'custom', message: parsed, input: '(not shown)' });
    }),
  /** Its first line is the password. */
  passwordFile: path.optional(),
  /** PEM of the authorities that the server's certificate must come from; the system's without it. */
  caFile: path.optional(),
});
export type DatabaseConfig = z.infer<typeof DatabaseConfig>;

/** Settings of one control plane. No secret is in here: keys are named by their files. */
export const ControlPlaneConfig = z.strictObject({
  /** A trust document, where the chain starts: as in `releases/trust/<n>.json`. */
  trust: path,
  /** PKCS#8 PEM, ed25519 or P-256; its SPKI is one of trust's `controlPlanes`. */
  tlsKey: path,
  listen: z
    .strictObject({
      host: z.string().min(1).max(253).default('::'),
      port: z.int().min(0).max(65535).default(8443),
    })
    .prefault({}),
  release: ReleaseSourceConfig,
  /** Empty at first; may be lost at any time. */
  stateDirectory: path,
  /** Instead of a database of its own in `stateDirectory`. */
  database: DatabaseConfig.optional(),
  pollSeconds: z.int().min(5).max(3600).default(30),
  /** Longest wait for the hosts' journals after an empty start. */
  rebuildSecondsMax: z.int().min(0).max(3600).default(120),
  /** A host without a held check-in counts as online for so long after its last request. */
  offlineAfterSeconds: z.int().min(5).max(3600).default(150),
  /** What is kept of each host's evidence of compliance. */
  evidence: z
    .strictObject({
      days: z.int().min(1).max(3650).default(730),
      /** Compressed. */
      hostBytesMax: z
        .int()
        .min(1024 * 1024)
        .max(64 * 1024 ** 3)
        .default(256 * 1024 * 1024),
    })
    .prefault({}),
  limits: Limits.partial().prefault({}),
});
export type ControlPlaneConfig = z.infer<typeof ControlPlaneConfig>;

/** Throws `bad-config` with every bad or unknown setting. */
export function parseControlPlaneConfig(value: unknown): ControlPlaneConfig {
  const parsed = ControlPlaneConfig.safeParse(value);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(
    ({ path: at, message }) => `${at.length === 0 ? '(whole)' : at.map(String).join('.')}: ${message}`,
  );
  throw new ControlPlaneError('bad-config', `control plane settings: ${problems.join('; ')}`);
}
