import { parseAgentConfig, type RunningAgent, startAgent, type Transport } from '@nixfleet/agent';
import type { Crypto, Memo, Signer } from '@nixfleet/contracts';
import type { Closures } from './closures.ts';
import type { Dice } from './dice.ts';
import { diskFiles } from './disk.ts';
import { Life } from './life.ts';
import type { Machine } from './machine.ts';
import { type MachineTime, machineClock } from './machine-clock.ts';
import { machineCollector } from './machine-collector.ts';
import { machineHost } from './machine-host.ts';
import { machineNix } from './machine-nix.ts';
import { machineProbes } from './machine-probes.ts';
import type { Scheduler } from './scheduler.ts';

export const keyPath = '/etc/ssh/ssh_host_ed25519_key';
export const trustPath = '/etc/nixfleet/trust.json';
export const stateDirectory = '/var/lib/nixfleet';
/** Where a copy of `releases/` is mounted, and between two looks at it, in seconds. */
export const mirrorDirectory = '/mnt/releases';
const mirrorSeconds = 60;
/** Where the collector leaves what it measured. */
export const evidenceDirectory = '/var/lib/nixfleet-compliance';

export interface SimulatedAgentOptions {
  readonly fleet: string;
  readonly scheduler: Scheduler;
  readonly dice: Dice;
  readonly time: MachineTime;
  readonly crypto: Crypto;
  readonly memo: Memo;
  readonly closures: Closures;
  readonly machine: Machine;
  readonly probeSeconds: number;
  /** Null: no controls are measured in this fleet. */
  readonly collecting: { readonly key: Signer; readonly otherKey: Signer } | null;
  /** The settings of the agent name a mirror, on a disk that is mounted here. */
  readonly hasMirror: boolean;
  /** The settings of the agent name a collector. */
  readonly hasCollector: () => boolean;
  readonly checkinWaitSeconds: number;
  readonly isCacheReachable: () => boolean;
  readonly isClockSynchronised: () => boolean;
  readonly isNixSafe: () => boolean;
  readonly fetchSeconds: () => number | null;
  readonly transport: (life: Life) => Transport;
  /** The agent ended by itself, which it never should. */
  readonly onFault: (error: unknown) => void;
  /** Something went wrong inside that the agent bears; for timelines. */
  readonly onLog: (message: string, fields: Readonly<Record<string, unknown>>) => void;
}

/** The real agent on a simulated machine: one incarnation after the other. */
export class SimulatedAgent {
  readonly #options: SimulatedAgentOptions;
  #life: Life;
  #running: RunningAgent | null = null;
  /** Every incarnation that has run. */
  readonly #incarnations: RunningAgent[] = [];

  constructor(options: SimulatedAgentOptions) {
    this.#options = options;
    this.#life = new Life(options.scheduler);
  }

  get life(): Life {
    return this.#life;
  }

  /** Null while it is starting, and while it is dead. */
  get running(): RunningAgent | null {
    return this.#running;
  }

  start(): void {
    const { scheduler, dice, time, crypto, closures, machine, probeSeconds, onLog } = this.#options;
    this.kill();
    const life = new Life(scheduler);
    this.#life = life;
    const own = dice.of(`incarnation ${scheduler.nowMs}`);
    const clock = machineClock(time, life, scheduler);
    const files = diskFiles(machine.disk, life, own);
    const { collecting, hasCollector, fleet } = this.#options;
    const collector =
      collecting && hasCollector()
        ? machineCollector(machine, {
            ...{ life, scheduler, random: own, clock, crypto, files, closures, fleet, directory: evidenceDirectory },
            ...collecting,
            dice: own.of('collector'),
          })
        : null;
    const config = parseAgentConfig({
      fleet,
      host: machine.name,
      stateDirectory,
      key: keyPath,
      trust: trustPath,
      controlPlanes: ['https://control.example.org'],
      substituters: ['https://cache.example.org'],
      checkinWaitSeconds: this.#options.checkinWaitSeconds,
      ...(this.#options.hasMirror ? { mirrors: [{ kind: 'directory', path: mirrorDirectory }], mirrorSeconds } : {}),
      backend: { kind: 'profile', storeDirectory: '/', systemRoot: '/' },
    });
    startAgent(config, {
      agentVersion: '0.1.0',
      clock,
      random: own,
      crypto,
      memo: this.#options.memo,
      files,
      ...(collector && { collector }),
      host: machineHost(machine, { life, scheduler, isClockSynchronised: this.#options.isClockSynchronised }),
      nix: machineNix(machine, {
        life,
        dice: own,
        closures,
        isCacheReachable: this.#options.isCacheReachable,
        fetchSeconds: this.#options.fetchSeconds,
        isSafe: this.#options.isNixSafe,
      }),
      probes: machineProbes(machine, {
        life,
        scheduler,
        dice: own,
        closures,
        intervalSeconds: probeSeconds,
        hasControls: collecting !== null,
      }),
      log: (level, message, fields = {}) => {
        if (!life.isOver && (level === 'warn' || level === 'error')) onLog(message, fields);
      },
      transport: () => this.#options.transport(life),
    }).then(
      (running) => {
        if (life.isOver) return;
        this.#running = running;
        this.#incarnations.push(running);
        running.stopped.catch(this.#options.onFault);
      },
      (error: unknown) => {
        if (!life.isOver) this.#options.onFault(error);
      },
    );
  }

  /** No promise of this incarnation settles any more. */
  kill(): void {
    this.#life.end();
    this.#running = null;
  }

  /** The run is over: what still listens for an end is told of one, since Node keeps alive whatever listens to a signal made of others. */
  [Symbol.dispose](): void {
    this.kill();
    for (const incarnation of this.#incarnations.splice(0)) void incarnation[Symbol.asyncDispose]();
  }
}
