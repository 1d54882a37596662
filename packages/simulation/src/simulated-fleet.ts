import {
  addSeconds,
  BoundedMemo,
  type CheckinReply,
  type Crypto,
  type Go,
  type Instant,
  instantToMs,
  protocolHeader,
  protocolVersion,
  type StorePath,
} from '@nixfleet/contracts';
import type { ApiRequest, ApiResponse, ControlPlane, Peer } from '@nixfleet/control-plane';
import { type TestIntent, type TestRelease, testKey } from '@nixfleet/testkit';
import { Ci, fleetName } from './ci.ts';
import { Closures } from './closures.ts';
import type { Dice } from './dice.ts';
import { type FleetSize, startAt, throwFleet } from './fleet-shape.ts';
import { MachineTime } from './machine-clock.ts';
import { Scheduler } from './scheduler.ts';
import type { ScriptedThief } from './scripted-thief.ts';
import { type HostWatch, SimulatedHost } from './simulated-host.ts';
import { SimulatedServer, type StoreWatch } from './simulated-server.ts';
import { StolenServer } from './stolen-server.ts';
import { Timeline } from './timeline.ts';
import type { Witness } from './witness.ts';

const startMs = instantToMs(startAt);
/** Documents that are not read anew; of a release there are four or five. */
const documentsKept = 256;

export interface Watchers {
  readonly host: Omit<HostWatch, 'note' | 'fault'>;
  readonly store: StoreWatch;
  readonly release: (release: TestRelease) => void;
  /** A whole state of `releases/`, everything in it signed by those who may. */
  readonly published: (files: ReadonlyMap<string, Uint8Array>) => void;
  readonly hold: (sha256: string, channel: string, expiresAt: Instant) => void;
  /** A host has reached the control plane. */
  readonly contacted: (host: string) => void;
  /** It is answered; whether that arrives is another matter. */
  readonly answered: (host: string, path: string, body: () => Uint8Array) => void;
  /** From now on somebody else answers in the control plane's place. */
  readonly stolen: () => void;
  /** The control plane, or whoever answers in its place, allows a start. */
  readonly dispatched: (host: string, go: Go) => void;
}

/** A whole fleet in one process: real agents and a real control plane in a world of variables. */
export class SimulatedFleet implements AsyncDisposable {
  readonly scheduler = new Scheduler();
  readonly timeline = new Timeline(startMs, () => this.scheduler.nowMs);
  readonly closures: Closures;
  /** One for all of them: twenty agents read the same documents. */
  readonly memo = new BoundedMemo(documentsKept);
  readonly dice: Dice;
  readonly hosts = new Map<string, SimulatedHost>();
  readonly time: MachineTime;
  readonly startMs = startMs;
  isSourceUp = true;
  /** Somebody else looks after what hosts read beside the control plane: what is published does not come there. */
  areMirrorsTaken = false;
  #ci: Ci | null = null;
  #server: SimulatedServer | null = null;
  /** Why a program ended that should not: the run is over. */
  fault: { readonly who: string; readonly error: unknown } | null = null;

  readonly #watchers: Watchers;
  readonly stolen: StolenServer;
  /** Answers in the control plane's place. */
  impostor: ScriptedThief | null = null;

  private constructor(dice: Dice, crypto: Crypto, { watchers, facts }: Witness) {
    this.dice = dice;
    this.#watchers = watchers;
    this.stolen = new StolenServer(facts, { dice: dice.of('thief'), scheduler: this.scheduler });
    this.closures = new Closures(crypto);
    this.time = new MachineTime(this.scheduler, startMs);
  }

  static async create(
    dice: Dice,
    {
      size,
      crypto,
      witness,
      intent = throwFleet(dice.of('shape'), size),
      headSeconds = 86_400,
    }: {
      readonly size: FleetSize;
      readonly crypto: Crypto;
      readonly witness: Witness;
      /** Default: thrown. */
      readonly intent?: TestIntent;
      /** Life of a head, in seconds. Default one day. */
      readonly headSeconds?: number;
    },
  ): Promise<SimulatedFleet> {
    const fleet = new SimulatedFleet(dice, crypto, witness);
    const { watchers } = witness;
    const { closures, scheduler, timeline } = fleet;
    const ci = await Ci.create({
      crypto,
      closures,
      intent,
      now: () => fleet.time.now(),
      headSeconds,
      onPublished: ({ files }) => {
        fleet.stolen.published(files);
        watchers.published(files);
        if (!fleet.areMirrorsTaken) for (const host of fleet.hosts.values()) host.mirror(files);
      },
      onRelease: (release) => {
        timeline.note(null, `release ${release.version} is published`);
        watchers.release(release);
      },
      onHold: (sha256, channel, expiresAt) => {
        timeline.note(null, `a hold of ${channel} is published, until ${expiresAt}`);
        watchers.hold(sha256, channel, expiresAt);
      },
    });
    fleet.#ci = ci;
    const trust = ci.fleet.trustChain[0]?.bytes ?? new Uint8Array();
    fleet.#server = new SimulatedServer({
      scheduler,
      dice: dice.of('server'),
      time: fleet.time,
      crypto,
      memo: fleet.memo,
      trust,
      published: () => (fleet.isSourceUp ? ci.published : null),
      watch: watchers.store,
      onFault: (error) => fleet.#failed('control plane', error),
    });
    const hasControls = Object.values(intent.channels).some(({ policy }) => policy.compliance.mode !== 'disabled');
    const otherKey = hasControls ? await testKey('somebody', 'ed25519', crypto) : null;
    const hasMirror = Object.values(intent.channels).some(({ policy }) => policy.confirm.by === 'local');
    const probeSeconds = dice.of('probes').pick([60, 120]);
    for (const name of Object.keys(intent.hosts)) {
      const { closure } = await closures.build(name, 1, 'good');
      const host = new SimulatedHost({
        name,
        first: closure,
        key: await ci.fleet.hostKey(name),
        otherKey,
        hasMirror,
        trust,
        fleet: fleetName,
        scheduler,
        dice: dice.of(name),
        crypto,
        memo: fleet.memo,
        closures,
        startMs,
        probeSeconds,
        checkinWaitSeconds: 120,
        serve: (peer, request) => fleet.#serve(name, peer, request),
        watch: {
          ...watchers.host,
          note: (who, text) => timeline.note(who, text),
          fault: (who, error) => fleet.#failed(who, error),
        },
      });
      fleet.hosts.set(name, host);
    }
    return fleet;
  }

  /** Lets go of everything that would outlive the run. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const { agent } of this.hosts.values()) agent[Symbol.dispose]();
    await this.#server?.[Symbol.asyncDispose]();
  }

  get ci(): Ci {
    if (!this.#ci) throw new Error('not created');
    return this.#ci;
  }

  get server(): SimulatedServer {
    if (!this.#server) throw new Error('not created');
    return this.#server;
  }

  get now(): Instant {
    return addSeconds(startAt, Math.floor(this.scheduler.nowMs / 1000));
  }

  /** Everything is switched on, some things a little later than others. */
  start(): void {
    this.server.start();
    for (const host of this.hosts.values()) {
      this.scheduler.after(this.dice.between(0, 5000), () => host.start());
    }
  }

  host(name: string): SimulatedHost {
    const host = this.hosts.get(name);
    if (!host) throw new Error(`no host ${name}`);
    return host;
  }

  running(name: string): StorePath {
    return this.host(name).machine.running;
  }

  /** Answers of the control plane are looked at before they are lost on the way. */
  #serve(host: string, peer: Peer, request: ApiRequest): Promise<ApiResponse | null> | null {
    const honest = this.server.handle(peer, request);
    if (honest === null) return null;
    this.#watchers.contacted(host);
    if (request.path === '/v1/agent/events') {
      this.stolen.delivered(request.body);
    }
    const answer =
      this.impostor?.answer(host, request) ??
      (this.stolen.isAtWork ? honest.then((response) => this.stolen.answer(host, request, response)) : honest);
    return answer.then((response) => {
      if (response?.status === 200) this.#watchers.answered(host, request.path, () => bytesOf(response));
      if (request.path !== '/v1/agent/checkin') return response;
      if (response?.status === 200 && typeof response.body === 'string' && response.body.includes('"go":{')) {
        const { go } = JSON.parse(response.body) as CheckinReply;
        if (go) this.#watchers.dispatched(host, go);
      }
      return response;
    });
  }

  /** What an operator sees; of this control plane, or of another one. Null while that knows nobody yet. */
  async view(
    path: string,
    controlPlane: Pick<ControlPlane, 'handle'> | SimulatedServer = this.server,
  ): Promise<unknown> {
    const key = await testKey('operator:olivia', 'ed25519', this.ci.fleet.ctx.crypto);
    const response = await controlPlane.handle(
      { spkiSha256: key.keyId, address: '198.51.100.2' },
      {
        method: 'GET',
        path,
        headers: { [protocolHeader]: String(protocolVersion) },
        body: new Uint8Array(),
        signal: new AbortController().signal,
      },
    );
    if (response?.status === 503) return null;
    if (response?.status !== 200 || typeof response.body !== 'string') throw new Error(`${path}: ${response?.status}`);
    return JSON.parse(response.body);
  }

  /** The control plane is stolen, or given back. */
  setStolen(isStolen: boolean): void {
    if (isStolen) this.#watchers.stolen();
    this.stolen.isAtWork = isStolen;
    this.timeline.note(null, isStolen ? 'the control plane is stolen' : 'the control plane is honest again');
  }

  /** By somebody who does as he is told; null: it is given back. */
  stealWith(thief: ScriptedThief | null): void {
    this.impostor = thief;
    if (thief !== null) this.#watchers.stolen();
    this.timeline.note(null, thief === null ? 'the control plane is honest again' : 'the control plane is stolen');
  }

  #failed(who: string, error: unknown): void {
    this.timeline.note(who === 'control plane' ? null : who, `it ended: ${String(error)}`);
    this.fault ??= { who, error };
  }
}

function bytesOf({ body }: ApiResponse): Uint8Array {
  if (body instanceof Uint8Array) return body;
  return typeof body === 'string' ? new TextEncoder().encode(body) : new Uint8Array();
}
