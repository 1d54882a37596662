import { join } from 'node:path';
import { nodeCrypto } from '@nixfleet/contracts/node-crypto';
import { systemRandom } from '@nixfleet/contracts/node-random';
import type { AgentConfig } from './config.ts';
import { fileSystem } from './file-system.ts';
import type { Log } from './log.ts';
import { NixCommands } from './nix-commands.ts';
import { ProfileHost } from './profile-host.ts';
import { type RunningAgent, startAgent } from './start-agent.ts';
import { checkStateDirectory } from './state-directory.ts';
import { systemClock } from './system-clock.ts';

/** The agent on the real machine, with the backend that its settings name. `detachedProgram`: `dead-man-main.ts` or its bundle. */
export async function startProfileAgent(
  config: AgentConfig,
  options: { readonly detachedProgram: string; readonly agentVersion: string; readonly log: Log },
): Promise<RunningAgent> {
  await checkStateDirectory(config.stateDirectory);
  const { storeDirectory, systemRoot, profile, environment, clockSynchronisedFile } = config.backend;
  const { detachedProgram, agentVersion, log } = options;
  const host = new ProfileHost({
    settings: {
      storeDirectory,
      systemRoot,
      profile: profile ?? join(storeDirectory, 'nix/var/nix/profiles/system'),
      path: config.path,
      environment,
    },
    directory: join(config.stateDirectory, 'switch'),
    files: fileSystem,
    clock: systemClock,
    random: systemRandom,
    detachedProgram,
    clockSynchronisedFile: clockSynchronisedFile ?? null,
  });
  const nix = new NixCommands({
    path: config.path,
    storeDirectory: storeDirectory === '/' ? null : storeDirectory,
    cacheDirectory: join(config.stateDirectory, 'cache'),
    environment: config.nixEnvironment,
    clock: systemClock,
  });
  return startAgent(config, {
    agentVersion,
    clock: systemClock,
    random: systemRandom,
    crypto: nodeCrypto,
    files: fileSystem,
    host,
    nix,
    log,
  });
}
