import { join } from 'node:path';
import { nodeCrypto } from '@nixfleet/contracts/node-crypto';
import { systemRandom } from '@nixfleet/contracts/node-random';
import { commandCollector } from './compliance/command-collector.ts';
import type { AgentConfig, DarwinBackend, NixosBackend, ProfileBackend } from './config.ts';
import { DarwinHost } from './darwin/darwin-host.ts';
import { Launchd } from './darwin/launchd.ts';
import { fileSystem } from './file-system.ts';
import type { Host } from './host.ts';
import { hostProbes } from './host-probes.ts';
import type { Log } from './log.ts';
import { NixCommands } from './nix-commands.ts';
import { NixosHost } from './nixos/nixos-host.ts';
import { nixosProbes } from './nixos/nixos-probes.ts';
import { Systemd } from './nixos/systemd.ts';
import type { Probes } from './probes.ts';
import { ProfileHost } from './profile-host.ts';
import { type RunningAgent, startAgent } from './start-agent.ts';
import { checkStateDirectory } from './state-directory.ts';
import { systemClock } from './system-clock.ts';

export interface MachineAgentOptions {
  readonly agentVersion: string;
  readonly log: Log;
  /** `dead-man-main.ts` or its bundle, for the backend `profile`. */
  readonly detachedProgram: string;
}

interface Backend {
  readonly host: Host;
  readonly probes: Probes;
  /** Directory of a chroot store; null: the machine's own. */
  readonly storeDirectory: string | null;
  /** Variables of Nix commands, before those of the settings. */
  readonly nixEnvironment: Readonly<Record<string, string>>;
}

/** The agent on the real machine, with the backend that its settings name. */
export async function startMachineAgent(config: AgentConfig, options: MachineAgentOptions): Promise<RunningAgent> {
  await checkStateDirectory(config.stateDirectory);
  const { host, probes, storeDirectory, nixEnvironment } = backendOf(config, options);
  const nix = new NixCommands({
    path: config.path,
    storeDirectory,
    cacheDirectory: join(config.stateDirectory, 'cache'),
    environment: { ...nixEnvironment, ...config.nixEnvironment },
    clock: systemClock,
  });
  return startAgent(config, {
    agentVersion: options.agentVersion,
    clock: systemClock,
    random: systemRandom,
    crypto: nodeCrypto,
    files: fileSystem,
    host,
    probes,
    nix,
    ...(config.collector ? { collector: machineCollector(config, config.collector) } : {}),
    log: options.log,
  });
}

/** It needs nothing of ours but a PATH: what it is to know lies in its directory. */
function machineCollector({ path }: AgentConfig, collector: NonNullable<AgentConfig['collector']>) {
  const { command: argv, directory, waitSeconds } = collector;
  const environment = { PATH: path, LC_ALL: 'C' };
  return commandCollector({ files: fileSystem, clock: systemClock, directory, argv, environment, waitSeconds });
}

function backendOf(config: AgentConfig, { detachedProgram }: MachineAgentOptions): Backend {
  switch (config.backend.kind) {
    case 'profile':
      return profileBackend(config, config.backend, detachedProgram);
    case 'nixos':
      return nixosBackend(config, config.backend);
    case 'darwin':
      return darwinBackend(config, config.backend);
  }
}

/** What every backend that keeps records of switches is given. */
function shared({ stateDirectory }: AgentConfig) {
  return { directory: join(stateDirectory, 'switch'), files: fileSystem, clock: systemClock, random: systemRandom };
}

function profileBackend(config: AgentConfig, backend: ProfileBackend, detachedProgram: string): Backend {
  const { storeDirectory, systemRoot, profile, environment, clockSynchronisedFile } = backend;
  const host = new ProfileHost({
    ...shared(config),
    settings: {
      storeDirectory,
      systemRoot,
      profile: profile ?? join(storeDirectory, 'nix/var/nix/profiles/system'),
      path: config.path,
      environment,
    },
    detachedProgram,
    clockSynchronisedFile: clockSynchronisedFile ?? null,
  });
  return {
    host,
    probes: hostProbes({ host, clock: systemClock }),
    storeDirectory: storeDirectory === '/' ? null : storeDirectory,
    nixEnvironment: {},
  };
}

function nixosBackend(config: AgentConfig, { store, clockSynchronisedFile }: NixosBackend): Backend {
  const systemd = new Systemd({ path: config.path, clock: systemClock });
  const host = new NixosHost({
    ...shared(config),
    path: config.path,
    systemd,
    clockSynchronisedFile: clockSynchronisedFile ?? null,
  });
  return {
    host,
    probes: nixosProbes({ host, systemd, clock: systemClock, random: systemRandom }),
    storeDirectory: null,
    nixEnvironment: { NIX_REMOTE: store === 'daemon' ? 'daemon' : 'local' },
  };
}

function darwinBackend(config: AgentConfig, { clockSynchronisedFile }: DarwinBackend): Backend {
  const host = new DarwinHost({
    ...shared(config),
    path: config.path,
    launchd: new Launchd({ path: config.path, clock: systemClock }),
    clockSynchronisedFile: clockSynchronisedFile ?? null,
  });
  return {
    host,
    probes: hostProbes({ host, clock: systemClock }),
    storeDirectory: null,
    nixEnvironment: { NIX_REMOTE: 'daemon' },
  };
}
