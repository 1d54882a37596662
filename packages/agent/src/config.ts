import { collectionSecondsMax, FleetName, HostName } from '@nixfleet/contracts';
import { z } from 'zod';
import { AgentError } from './errors.ts';

const absolutePath = z.string().regex(/^\//, 'expected an absolute path').max(4096);
/** Whoever may list processes, or read the log or an event, would read it there. */
const withoutCredentials = (text: string): boolean =>
  !/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*:[^/?#]*@|^https?:\/\/[^/?#]*@/i.test(text);
const credentialsMessage = 'expected no credentials in the URL: use a netrc file, or ssh with a key';
const httpsUrl = z
  .url({ protocol: /^https$/ })
  .max(2048)
  .refine(withoutCredentials, credentialsMessage);

const Mirror = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('directory'), path: absolutePath }),
  z.strictObject({ kind: z.literal('https'), url: httpsUrl }),
  z.strictObject({
    kind: z.literal('git'),
    repository: z.string().min(1).max(2048).refine(withoutCredentials, credentialsMessage),
    branch: z.string().min(1).max(256).default('releases'),
    /** Directory of `releases/` inside the repository. */
    path: z.string().max(1024).default(''),
  }),
]);

/** Rootless: a chroot store, a profile and a root directory. */
const ProfileBackend = z.strictObject({
  kind: z.literal('profile'),
  /** Directory of the chroot store; `/` for the machine's own. */
  storeDirectory: absolutePath,
  /** Root whose `run/current-system` says what runs. */
  systemRoot: absolutePath,
  /** Default: `nix/var/nix/profiles/system` of the store. */
  profile: absolutePath.optional(),
  environment: z.record(z.string(), z.string()).default({}),
  /** Exists while the clock is synchronised; absent setting: taken as synchronised. */
  clockSynchronisedFile: absolutePath.optional(),
});
export type ProfileBackend = z.infer<typeof ProfileBackend>;

/** A NixOS machine, as root. */
const NixosBackend = z.strictObject({
  kind: z.literal('nixos'),
  /** `daemon`: the Nix daemon works on the store; `direct`: the agent's own Nix commands do. */
  store: z.enum(['daemon', 'direct']).default('daemon'),
  /** Exists while the clock is synchronised; absent setting: systemd-timedated is asked. */
  clockSynchronisedFile: absolutePath.optional(),
});
export type NixosBackend = z.infer<typeof NixosBackend>;

/** A Mac with nix-darwin, as root. */
const DarwinBackend = z.strictObject({
  kind: z.literal('darwin'),
  /** Exists while the clock is synchronised; absent setting: whether the system keeps its clock by the network. */
  clockSynchronisedFile: absolutePath.optional(),
});
export type DarwinBackend = z.infer<typeof DarwinBackend>;

/** What collects evidence of compliance on this machine, and where it keeps it. */
const CollectorConfig = z.strictObject({
  /** A program that makes one collection and ends, such as `systemctl start compliance-evidence-collector.service`. */
  command: z
    .tuple([absolutePath], z.string().max(4096))
    .refine((argv) => argv.length <= 64, 'expected at most 64 words'),
  directory: absolutePath,
  /** How long the agent waits for one, in seconds. */
  waitSeconds: z.int().min(1).max(collectionSecondsMax).default(collectionSecondsMax),
});

/** The agent's settings. Every unknown key is a mistake: a misspelt brake must not be ignored. */
export const AgentConfig = z.strictObject({
  fleet: FleetName,
  /** What the fleet must declare this host's key for. */
  host: HostName,
  stateDirectory: absolutePath,
  /** OpenSSH (unencrypted ed25519) or PKCS#8 PEM private key of this host. */
  key: absolutePath,
  /** The trust document to start from. */
  trust: absolutePath,
  controlPlanes: z.array(httpsUrl).max(16).default([]),
  mirrors: z.array(Mirror).max(16).default([]),
  substituters: z.array(z.string().min(1).max(2048).refine(withoutCredentials, credentialsMessage)).max(32).default([]),
  /** How long a check-in may be held, in seconds. */
  checkinWaitSeconds: z.int().min(0).max(120).default(60),
  /** Between two looks at the mirrors, in seconds. */
  mirrorSeconds: z.int().min(1).max(86_400).default(300),
  /** Hosts that are told to start at once begin to fetch within so many seconds, each at a moment of its own. */
  fetchJitterSeconds: z.int().min(0).max(3600).default(0),
  /** PATH of git and Nix. */
  path: z.string().max(4096).default('/run/current-system/sw/bin:/usr/bin:/bin'),
  /** Variables of Nix commands, such as NIX_SSL_CERT_FILE. */
  nixEnvironment: z.record(z.string(), z.string()).default({}),
  /** Absent: nothing measures, so under an enforced policy of compliance nothing is confirmed. */
  collector: CollectorConfig.optional(),
  backend: z.discriminatedUnion('kind', [ProfileBackend, NixosBackend, DarwinBackend]),
});
export type AgentConfig = z.infer<typeof AgentConfig>;

/** Throws `AgentError` `bad-config` naming every setting that is unknown, missing or malformed. */
export function parseAgentConfig(value: unknown): AgentConfig {
  const parsed = AgentConfig.safeParse(value);
  if (!parsed.success) throw new AgentError('bad-config', z.prettifyError(parsed.error));
  if (parsed.data.controlPlanes.length === 0 && parsed.data.mirrors.length === 0) {
    throw new AgentError('bad-config', 'expected at least one of controlPlanes and mirrors');
  }
  return parsed.data;
}
