import { createHash } from 'node:crypto';
import {
  ChannelPolicy,
  FleetDocument,
  ManifestWave,
  type PromoteWhen,
  RolloutManifest,
  type StaticReport,
  type WaiverRegister,
} from '@nixfleet/contracts';

/** What a test wants to be released, in plain strings: the testkit's `fleet.nix`. */
export interface TestIntent {
  repository: string;
  /** 40 hexadecimal digits; `publish` counts it up by itself. */
  commit: string;
  hosts: Record<string, TestHost>;
  channels: Record<string, TestChannel>;
  edges: { gated: string; gates: string; reason?: string }[];
  budgets: { name: string; hosts: string[]; maxInFlight: number }[];
  /** Operator name to OpenSSH lines; filled from the seed where empty. */
  operators: Record<string, { pubkeys: string[] }>;
  emergency?: { reason: string; expiresAt: string };
  /** Bound by the release where they are given: a static report and a waiver register. */
  staticReport?: StaticReport;
  waiverRegister?: WaiverRegister;
  /** Host name to what it tries until when. */
  trials?: Record<string, { real: RealTestClosure; expiresAt: string }>;
}

export interface TestPin {
  commit?: string;
  closure?: string;
  reason: string;
  expiresAt?: string;
}

/** A closure that exists. */
export interface RealTestClosure {
  closure: string;
  closureDigest: string;
  closureBytes: number;
}

export interface TestHost {
  channel: string;
  /** Version of the host's closure: another one is another closure. */
  closure: number;
  attempt: number;
  /** A closure that exists, instead of the made-up one of `closure`. */
  real?: RealTestClosure;
  tags: string[];
  /** OpenSSH lines; filled from the seed where empty. */
  pubkeys: string[];
  /** The commit that a pinned host's closure was built from; null for a pinned closure. */
  builtFrom?: string | null;
  pin?: TestPin;
  widerPins?: TestPin[];
}

export interface TestChannel {
  waves: { hosts: string[]; soakSeconds: number; promoteWhen: PromoteWhen; notBefore?: string }[];
  policy: ChannelPolicy;
  /** Channels that must have converged first. */
  after: string[];
  freezes: { from: string; to: string; reason: string }[];
  windows: { from: string; to: string }[] | null;
  resolvedUntil: string | null;
}

export const testPolicy: ChannelPolicy = ChannelPolicy.parse({
  mode: 'switch',
  confirm: { by: 'control-plane', timeoutSeconds: 120 },
  activationTimeoutSeconds: 300,
  onHealthFailure: 'rollback-and-halt',
  maxFailures: { count: 0 },
  onNewRelease: 'finish',
  offlineGraceSeconds: 600,
  unconfirmedRetrySeconds: 30,
  unconfirmedRetryMaxSeconds: 600,
  reboot: 'never',
  withoutControlPlane: 'hold',
  fetchesMax: null,
  compliance: { mode: 'disabled', frameworks: [] },
});

export function testHost(channel: string): TestHost {
  return { channel, closure: 1, attempt: 1, tags: [], pubkeys: [] };
}

/** One wave for each list of hosts; every wave waits for all receipts of the ones before it. */
export function testChannel(waves: readonly (readonly string[])[], after: readonly string[] = []): TestChannel {
  const promoteWhen = { convergedPercent: 100, receiptsPercent: 100 };
  return {
    waves: waves.map((hosts) => ({ hosts: [...hosts], soakSeconds: 60, promoteWhen: { ...promoteWhen } })),
    policy: structuredClone(testPolicy),
    after: [...after],
    freezes: [],
    windows: null,
    resolvedUntil: null,
  };
}

/** The demo's shape: a canary and two web servers in `stable`, a database in `data`, which goes after it. */
export function demoIntent(): TestIntent {
  return {
    repository: 'https://git.example.org/fleet.git',
    commit: '0'.repeat(40),
    hosts: {
      canary: testHost('stable'),
      'web-1': testHost('stable'),
      'web-2': testHost('stable'),
      db: testHost('data'),
    },
    channels: {
      stable: testChannel([['canary'], ['web-1', 'web-2']]),
      data: testChannel([['db']], ['stable']),
    },
    edges: [],
    budgets: [],
    operators: { olivia: { pubkeys: [] } },
  };
}

const storePathDigits = '0123456789abcdfghijklmnpqrsvwxyz';

function hashOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** The closure of a host at one version: a store path that only looks like one, its digest and size. */
export function testClosure(host: string, version: number) {
  const hash = hashOf(`closure:${host}:${version}`);
  const digits = [...hash].map((byte) => storePathDigits[byte % 32]).join('');
  const closure = `/nix/store/${digits}-nixos-system-${host}-${version}`;
  return { closure, closureDigest: hashOf(closure).toString('hex'), closureBytes: 1_000_000 + version };
}

/** The resolved fleet of an intent; its `pubkeys` must be filled. */
export function fleetDocumentOf(fleet: string, intent: TestIntent): FleetDocument {
  return FleetDocument.parse({
    type: 'fleet',
    fleet,
    schemaVersion: 1,
    hosts: mapValues(intent.hosts, ({ channel, tags, pubkeys, pin, widerPins }) => ({
      system: 'x86_64-linux',
      channel,
      tags,
      pubkeys,
      healthChecks: {},
      ...(pin ? { pin } : {}),
      ...(widerPins ? { widerPins } : {}),
    })),
    channels: mapValues(intent.channels, ({ waves, policy, freezes }, name) => ({
      description: `test channel ${name}`,
      rolloutPolicy: name,
      policy,
      waves: waves.map(({ notBefore: _, ...wave }) => wave),
      // Tests of readers say which intervals there are: what rules resolve to is the release's own test.
      windows: null,
      freezes,
    })),
    edges: intent.edges,
    channelEdges: Object.entries(intent.channels).flatMap(([gated, { after }]) =>
      after.map((gates) => ({ gated, gates })),
    ),
    disruptionBudgets: intent.budgets,
    operators: intent.operators,
  });
}

/** The manifest of one channel of an intent. */
export function manifestOf(
  fleet: string,
  intent: TestIntent,
  { channel, introducedIn }: { readonly channel: string; readonly introducedIn: number },
): RolloutManifest {
  const declared = intent.channels[channel];
  if (!declared) throw new Error(`no channel ${channel} in the intent`);
  const waveOf = new Map(declared.waves.flatMap(({ hosts }, wave) => hosts.map((host) => [host, wave] as const)));
  const hosts = Object.entries(intent.hosts)
    .filter(([, host]) => host.channel === channel)
    .map(([name, { closure, real, attempt, builtFrom }]) => [
      name,
      {
        wave: waveOf.get(name) ?? 0,
        ...(real ?? testClosure(name, closure)),
        attempt,
        ...(builtFrom === undefined ? {} : { builtFrom }),
      },
    ]);
  const members = new Set(hosts.map(([name]) => name));
  return RolloutManifest.parse({
    type: 'rollout',
    fleet,
    schemaVersion: 1,
    channel,
    displayName: `${channel}@${intent.commit.slice(0, 8)}`,
    introducedIn,
    source: { repository: intent.repository, commit: intent.commit },
    hosts: Object.fromEntries(hosts),
    waves: declared.waves.map(({ hosts: _, ...wave }) => ManifestWave.parse(wave)),
    policy: declared.policy,
    edges: intent.edges.filter(({ gated, gates }) => members.has(gated) && members.has(gates)),
    after: declared.after.map((name) => ({ channel: name })),
    budgets: intent.budgets.filter((budget) => budget.hosts.some((name) => members.has(name))),
    windows: declared.windows,
    resolvedUntil: declared.resolvedUntil,
  });
}

function mapValues<Value, Result>(record: Record<string, Value>, map: (value: Value, name: string) => Result) {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, map(value, name)]));
}
