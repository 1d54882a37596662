import { join } from 'node:path';
import {
  type Clock,
  type Crypto,
  documentBytesMax,
  headPath,
  type JournalEvent,
  keyIdOf,
  type Memo,
  pinTrust,
  type Random,
  type TrustState,
} from '@nixfleet/contracts';
import { AgentLoop } from './agent-loop.ts';
import { AgentTime } from './agent-time.ts';
import { Checkin } from './checkin.ts';
import type { Collector } from './compliance/collector.ts';
import { ComplianceGate } from './compliance/compliance-gate.ts';
import { EvidenceDelivery } from './compliance/evidence-delivery.ts';
import { ReleasedContexts } from './compliance/released-contexts.ts';
import type { AgentConfig } from './config.ts';
import { ControlPlaneClient } from './control-plane-client.ts';
import { controlPlaneSource } from './control-plane-source.ts';
import { Delivery } from './delivery.ts';
import { directorySource } from './directory-source.ts';
import { DocumentCache } from './document-cache.ts';
import type { DocumentSource } from './document-source.ts';
import { EffectRunner } from './effect-runner.ts';
import { AgentError, messageOf } from './errors.ts';
import { FetchReport } from './fetch-report.ts';
import type { Files } from './files.ts';
import { Floors } from './floors.ts';
import { Gate } from './gate.ts';
import { gitMirrorSource } from './git-mirror-source.ts';
import type { Host } from './host.ts';
import { clientIdentity, readHostKey } from './host-key.ts';
import { hostProbes } from './host-probes.ts';
import { httpsMirrorSource } from './https-mirror-source.ts';
import { HttpsTransport } from './https-transport.ts';
import { Permission } from './intent.ts';
import { IntentSource } from './intent-source.ts';
import { Journal, type JournalFound } from './journal.ts';
import type { Log } from './log.ts';
import type { Nix } from './nix.ts';
import type { ClientIdentity } from './pinned-connection.ts';
import type { Probes } from './probes.ts';
import type { Transport } from './transport.ts';
import { TrustWalk } from './trust-walk.ts';

/** Largest trust document, in bytes. */
const trustBytesMax = 256 * 1024;

export interface AgentDeps {
  readonly agentVersion: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly crypto: Crypto;
  readonly files: Files;
  readonly host: Host;
  readonly nix: Nix;
  readonly log: Log;
  /** Shared by the agents of one process; see `Memo`. */
  readonly memo?: Memo;
  /** Default: the closure's own checks, on this machine. */
  readonly probes?: Probes;
  /** Default: none, which under an enforced policy of compliance keeps anything from being confirmed. */
  readonly collector?: Collector;
  /** Default: `HttpsTransport` to the configured control planes. */
  readonly transport?: (identity: ClientIdentity, pins: () => ReadonlySet<string>) => Transport;
}

export interface RunningAgent extends AsyncDisposable {
  readonly loop: AgentLoop;
  /** Settles when the agent has stopped; rejects for a fault that stops it. */
  readonly stopped: Promise<void>;
}

/**
 * Starts the agent: reads its state, says what it found, and runs until disposed. Throws `AgentError` for settings, key
 * or trust that are of no use. Unreadable floors do not end it: it goes on reporting, and starts nothing.
 */
export async function startAgent(config: AgentConfig, deps: AgentDeps): Promise<RunningAgent> {
  const { clock, random, crypto, files, host, nix, log, agentVersion } = deps;
  const state = config.stateDirectory;
  const { identity, signer } = await clientIdentity(await readHostKey(files, config.key), {
    commonName: config.host,
    crypto,
    random,
  });
  const ctx = { crypto, fleet: config.fleet, ...(deps.memo && { memo: deps.memo }) };
  const shipped = await files.read(config.trust, trustBytesMax);
  if (shipped === null) throw new AgentError('bad-trust', `there is no trust document at ${config.trust}`);

  const cache = new DocumentCache(files, join(state, 'documents'));
  const opened = await openFloors(files, join(state, 'floors.json'), log);
  const { journal, found } = await Journal.open({
    files,
    directory: join(state, 'journal'),
    fleet: config.fleet,
    host: config.host,
    signer,
    ctx,
    random,
    isCollected: deps.transport !== undefined || config.controlPlanes.length > 0,
  });
  const isFloorLost = opened !== null && (await areFloorsLost(opened.floors, { journal, found, cache }));
  const time = new AgentTime(clock, opened?.floors.values.time ?? journal.entries.at(-1)?.event.at ?? null);
  const floors = opened?.floors ?? null;
  const trust = floors ? await TrustWalk.open({ ctx, floors, cache, shipped }) : null;
  const pinned = await pinTrust(ctx, shipped);
  if (!pinned.ok) throw new AgentError('bad-trust', `${config.trust}: ${pinned.detail}`);
  const pins = (): ReadonlySet<string> => pinsOf(trust?.current ?? pinned.value);

  const transport = deps.transport
    ? deps.transport(identity, pins)
    : config.controlPlanes.length > 0
      ? new HttpsTransport({ urls: config.controlPlanes, identity, pins, clock })
      : noTransport;
  const controlPlane = controlPlaneSource(transport);
  const stop = new AbortController();
  const gate = new Gate();
  const client = new ControlPlaneClient(transport);

  let loop: AgentLoop | null = null;
  const report: AgentLoop['report'] = (content) => {
    // A newer trust may have dropped the pin of a server that we are connected to.
    if (content.kind === 'trust-accepted') transport.close();
    loop?.report(content);
  };
  const documents =
    floors && trust
      ? new IntentSource({
          ctx,
          host: config.host,
          ownKeyId: await keyIdOf(crypto, signer.publicKey),
          trust,
          floors,
          cache,
          time,
          report,
          isFloorLost,
        })
      : null;
  const permission = documents
    ? new Permission(ctx, { documents, clock, report, position: () => journal.position })
    : null;
  const theLoop = new AgentLoop({
    agentVersion,
    stateDirectory: state,
    clock,
    time,
    files,
    host,
    journal,
    floors,
    documents,
    permission,
    controlPlane,
    log,
  });
  loop = theLoop;
  const delivery: Delivery = new Delivery({
    journal,
    client,
    gate,
    clock,
    random,
    log,
    onContact: theLoop.contacted,
    onBack: () => checkin.retry(),
    onRestored: theLoop.restored,
  });
  const checkin: Checkin = new Checkin({
    client,
    gate,
    clock,
    random,
    log,
    waitSeconds: config.checkinWaitSeconds,
    request: async () => {
      const fetching = fetchReport.current;
      return { ...(await theLoop.checkinRequest()), ...(fetching ? { fetching } : {}) };
    },
    take: (reply, askedAt, signal) => theLoop.takeReply(reply, askedAt, signal),
    onBack: () => delivery.retry(),
  });
  const fetchReport = new FetchReport({
    clock,
    log,
    tell: () => {
      checkin.tell(stop.signal).catch((error: unknown) => {
        if (!stop.signal.aborted) log('debug', 'a fetch could not be told of', { error: messageOf(error) });
      });
    },
  });
  const probes = deps.probes ?? hostProbes({ host, clock });
  const effects = new EffectRunner({
    host,
    probes,
    compliance: new ComplianceGate({
      ctx,
      host: config.host,
      documents,
      trust: () => trust?.current ?? pinned.value,
      source: controlPlane,
      released: new ReleasedContexts({ files, path: join(state, 'released.json'), log }),
      log,
      collector: deps.collector ?? null,
      probes,
      machine: host,
      ownKey: signer.publicKey,
      clock,
      time,
      state: () => theLoop.memory.state,
      report: theLoop.report,
      onCollected: () => evidence?.kick(),
    }),
    nix,
    crypto,
    clock,
    time,
    floors,
    journal,
    delivery,
    gate,
    transport,
    log,
    sources: () => ({ substituters: config.substituters, publicKeys: trust?.current.document.cacheKeys ?? [] }),
    closureBytesOf: ({ rolloutId }) => permission?.entryOf(rolloutId)?.closureBytes ?? null,
    rootLink: (name) => join(state, 'roots', name),
    recheck: (signal) => theLoop.recheck(signal),
    emit: theLoop.submit,
    onFetching: (progress) => fetchReport.take(progress),
    random,
    fetchJitterMs: config.fetchJitterSeconds * 1000,
    onSwitched: () => {
      checkin.startOver();
      delivery.startOver();
    },
  });

  await files.write(join(state, 'roots', 'created'), new Uint8Array());
  await theLoop.begin(
    { effects, delivery, checkin },
    {
      journal: found,
      hadState: opened === null || opened.floors.values.release !== null || isFloorLost,
      isFloorLost,
    },
  );
  if (opened === null) {
    const reason = 'floors.json cannot be read: nothing new starts until it is examined';
    theLoop.report({ kind: 'withheld', body: { withheld: { code: 'refused', refusal: 'floor-unreadable', reason } } });
  }
  // Its own copies first, verified like any other: so a host without network knows its intent after a restart.
  await theLoop.readMirror(cache.source, stop.signal);

  const evidence = deps.collector
    ? new EvidenceDelivery({
        ...{ client, gate, files, clock, random, log },
        collector: deps.collector,
        path: join(state, 'evidence-delivered.json'),
      })
    : null;
  const mirrors = mirrorsOf(config, { files, clock, log });
  const workers = [
    theLoop.run(stop.signal),
    pollMirrors(theLoop, mirrors, { config, clock, random, log }, stop.signal),
  ];
  if (transport !== noTransport) {
    workers.push(checkin.run(stop.signal), delivery.run(stop.signal));
    if (evidence) workers.push(evidence.run(stop.signal));
  }
  const stopped = Promise.all(workers.map((worker) => untilStopped(worker, stop.signal))).then(() => {});
  stopped.catch(() => stop.abort());
  return {
    loop: theLoop,
    stopped,
    async [Symbol.asyncDispose]() {
      stop.abort();
      // Before anything else: that our own programs are ended with us is no answer of theirs.
      const cancelled = effects.stop();
      transport.close();
      await cancelled;
      await stopped.catch((error: unknown) => log('error', 'the agent failed', { error: messageOf(error) }));
      await effects.stop();
      await theLoop.settled();
    },
  };
}

/** Null: there, and not readable. Never reset: an attacker could make that happen. */
async function openFloors(files: Files, path: string, log: Log) {
  try {
    return await Floors.open(files, path);
  } catch (error) {
    if (!(error instanceof AgentError) || error.code !== 'floor-unreadable') throw error;
    log('error', 'stopped acting: floor-unreadable', { error: error.message });
    return null;
  }
}

/** No release was ever accepted, says the file, and something else says otherwise. Stays so until one is accepted. */
async function areFloorsLost(
  floors: Floors,
  { journal, found, cache }: { readonly journal: Journal; readonly found: JournalFound; readonly cache: DocumentCache },
): Promise<boolean> {
  if (floors.values.release !== null) return false;
  if (found.kind === 'corrupt' || journal.entries.some(({ event }) => hasAccepted(event))) return true;
  return (await cache.source.get(headPath, documentBytesMax.head, new AbortController().signal)).ok;
}

function hasAccepted(event: JournalEvent): boolean {
  return event.kind === 'release-accepted' || (event.kind === 'checkpoint' && event.body.state.release !== null);
}

function pinsOf({ document }: TrustState): ReadonlySet<string> {
  return new Set(document.controlPlanes.map(({ spkiSha256 }) => spkiSha256));
}

async function untilStopped(worker: Promise<void>, signal: AbortSignal): Promise<void> {
  try {
    await worker;
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

const noTransport: Transport = {
  request: async () => ({ ok: false, reason: 'aborted', detail: 'no control plane is configured' }),
  close: () => {},
};

function mirrorsOf(
  config: AgentConfig,
  { files, clock, log }: { readonly files: Files; readonly clock: Clock; readonly log: Log },
): readonly DocumentSource[] {
  return config.mirrors.map((mirror, i): DocumentSource => {
    if (mirror.kind === 'directory') return directorySource(files, mirror.path);
    if (mirror.kind === 'https') return httpsMirrorSource(mirror.url, clock);
    return gitMirrorSource({
      ...mirror,
      directory: join(config.stateDirectory, 'mirrors', `${i}.git`),
      searchPath: config.path,
      files,
      clock,
      log: (detail) => log('debug', 'a mirror cannot be read', { detail }),
    });
  });
}

async function pollMirrors(
  loop: AgentLoop,
  mirrors: readonly DocumentSource[],
  deps: { readonly config: AgentConfig; readonly clock: Clock; readonly random: Random; readonly log: Log },
  signal: AbortSignal,
): Promise<void> {
  if (mirrors.length === 0) return;
  while (!signal.aborted) {
    for (const mirror of mirrors) {
      await loop.readMirror(mirror, signal).catch((error: unknown) => {
        if (!signal.aborted) deps.log('error', 'a mirror failed', { mirror: mirror.name, error: messageOf(error) });
      });
    }
    const spread = 0.9 + 0.2 * deps.random.uniform();
    await deps.clock.sleep(deps.config.mirrorSeconds * 1000 * spread, signal);
  }
}
