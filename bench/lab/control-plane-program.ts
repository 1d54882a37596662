// The real control plane, as `startControlPlane` makes it.

import { systemClock } from '@nixfleet/contracts/node-clock';
import { nodeCrypto } from '@nixfleet/contracts/node-crypto';
import { systemRandom } from '@nixfleet/contracts/node-random';
import {
  parseControlPlaneConfig,
  type RunningControlPlane,
  silentLog,
  startControlPlane,
} from '@nixfleet/control-plane';
import { serveCommands } from './serve-commands.ts';

let running: RunningControlPlane | null = null;

serveCommands(
  {
    start: async (config: unknown) => {
      const deps = { clock: systemClock, random: systemRandom, crypto: nodeCrypto, log: silentLog };
      running = await startControlPlane(parseControlPlaneConfig(config), deps);
      return running.address.port;
    },
    metrics: () => running?.controlPlane.metrics.registry.metrics(),
  },
  () => running?.[Symbol.asyncDispose](),
);
