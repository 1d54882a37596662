// plan() at 100, 1,000 and 10,000 hosts, in milliseconds: medians of passes over one fleet in the midst of a rollout, with
// waves, budgets, host edges and offline hosts, sizes interleaved. Target: 10,000 hosts < 20 ms.
import type { HostName, Instant, JournalEvent, RolloutId, RolloutManifest } from '@nixfleet/contracts';
import { HostTarget, ReleaseDocument } from '@nixfleet/contracts';
import { foldEvent, type HostView, plan } from '@nixfleet/engine';
import { fleetDocumentOf, manifestOf, type TestIntent, testChannel, testHost, testPolicy } from '@nixfleet/testkit';

const passes = 31;
const warmUp = 5;
const now = '2026-06-01T12:00:00Z' as Instant;
const rolloutId = 'a'.repeat(64) as RolloutId;

function fleetOf(size: number): () => unknown {
  const names = Array.from({ length: size }, (_, index) => `host-${(index * 7919) % size}`);
  const at = (share: number) => Math.floor(size * share);
  const channel = testChannel([names.slice(0, at(0.01)), names.slice(at(0.01), at(0.3)), names.slice(at(0.3))]);
  channel.policy = { ...testPolicy, maxFailures: { percent: 5 }, fetchesMax: at(0.1), offlineGraceSeconds: 3600 };
  const intent: TestIntent = {
    repository: 'https://git.example.org/fleet.git',
    commit: '0'.repeat(40),
    hosts: Object.fromEntries(
      names.map((name) => [name, { ...testHost('stable'), pubkeys: [`ssh-ed25519 ${'A'.repeat(68)}`] }]),
    ),
    channels: { stable: channel },
    edges: names.slice(at(0.3), at(0.4)).map((gated, index) => ({ gated, gates: names[index] ?? gated })),
    budgets: [
      { name: 'all', hosts: names, maxInFlight: at(0.2) },
      { name: 'half', hosts: names.slice(0, at(0.5)), maxInFlight: at(0.1) },
    ],
    operators: {},
  };
  const manifest = manifestOf('bench', intent, { channel: 'stable', introducedIn: 1 });
  const release = {
    document: ReleaseDocument.parse({
      type: 'release',
      fleet: 'bench',
      schemaVersion: 1,
      version: 1,
      trustVersion: 1,
      createdAt: now,
      source: { repository: intent.repository, commit: intent.commit },
      resolvedFleet: { sha256: '0'.repeat(64), bytes: 2 },
      channels: { stable: { rolloutId, bytes: 2, mayFinish: [], freezes: [] } },
    }),
    headExpiresAt: '2026-06-02T12:00:00Z' as Instant,
    emergencyApproved: false,
    fleet: fleetDocumentOf('bench', intent),
    manifests: new Map([[rolloutId, manifest]]),
    holds: [],
  };
  const hosts = new Map(
    names.map((name, index) => {
      const kind = index < at(0.2) ? 'converged' : index < at(0.25) ? 'activating' : 'started';
      return [name as HostName, viewOf(manifest, name as HostName, { kind, isOnline: index < at(0.9) })] as const;
    }),
  );
  return () => plan(release, { hosts, rebuild: null }, now);
}

function viewOf(
  manifest: RolloutManifest,
  host: HostName,
  { kind, isOnline }: { readonly kind: 'converged' | 'activating' | 'started'; readonly isOnline: boolean },
): HostView {
  const target = HostTarget.parse({
    ...manifest.hosts[host],
    rolloutId,
    channel: manifest.channel,
    introducedIn: 1,
    soakSeconds: 60,
  });
  const bodies = {
    converged: { target, switched: true },
    activating: { target, revertTo: null, deadline: '2026-06-01T12:05:00Z' },
    started: { running: null, agentVersion: '1' },
  };
  const event = { kind, body: bodies[kind], at: now, bootId: 'boot', host, seq: 1 } as unknown as JournalEvent;
  const lastSeenAt = (isOnline ? now : '2026-06-01T11:30:00Z') as Instant;
  return { fold: foldEvent(null, event), isReplayed: true, isOnline, lastSeenAt, issued: null };
}

const fleets = [100, 1_000, 10_000].map((size) => ({ size, run: fleetOf(size), times: [] as number[] }));
for (let pass = 0; pass < passes + warmUp; pass++) {
  for (const { run, times } of fleets) {
    const start = performance.now();
    run();
    if (pass >= warmUp) times.push(performance.now() - start);
  }
}

const median = (times: number[]) =>
  Number((times.sort((left, right) => left - right)[times.length >> 1] ?? 0).toFixed(3));
const ms = Object.fromEntries(fleets.map(({ size, times }) => [`hosts${size}`, median(times)]));
console.log(JSON.stringify({ bench: 'plan', ms, targetMs: { hosts10000: 20 }, passes }));
