// The real agent, as `startMachineAgent` makes it.
import { join } from 'node:path';
import { parseAgentConfig, type RunningAgent, startMachineAgent } from '@nixfleet/agent';
import { serveCommands } from './serve-commands.ts';

let running: RunningAgent | null = null;
const complaints: string[] = [];

serveCommands(
  {
    start: async (config: unknown) => {
      running = await startMachineAgent(parseAgentConfig(config), {
        // Nothing is switched here, so that nothing has to be undone.
        detachedProgram: join(import.meta.dirname, 'dead-man.mjs'),
        agentVersion: '0.1.0',
        log: (level, message, fields) => {
          if (level === 'warn' || level === 'error') complaints.push(`${message} ${JSON.stringify(fields ?? {})}`);
        },
      });
    },
    complaints: () => complaints,
  },
  () => running?.[Symbol.asyncDispose](),
);
