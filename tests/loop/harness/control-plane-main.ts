import { readFileSync } from 'node:fs';
import { systemClock } from '@nixfleet/contracts/node-clock';
import { nodeCrypto } from '@nixfleet/contracts/node-crypto';
import { systemRandom } from '@nixfleet/contracts/node-random';
import { type Log, parseControlPlaneConfig, startControlPlane } from '@nixfleet/control-plane';

// A control plane as a process of its own: node control-plane-main.ts <settings>. Its first line on stdout is its port.

const write =
  (level: string) =>
  (...said: unknown[]): void => {
    process.stderr.write(`${level} ${JSON.stringify(said)}\n`);
  };
const log: Log = { debug: () => {}, info: write('info'), warn: write('warn'), error: write('error') };
const config = parseControlPlaneConfig(JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')));
const running = await startControlPlane(config, { clock: systemClock, random: systemRandom, crypto: nodeCrypto, log });
process.stdout.write(`${running.address.port}\n`);
process.on('SIGTERM', () => void running[Symbol.asyncDispose]().then(() => process.exit(0)));
