import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { jsonLog, parseAgentConfig, startMachineAgent, systemClock } from '@nixfleet/agent';

// An agent as a process of its own: node agent-main.ts <settings>.

const config = parseAgentConfig(JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')));
const agent = await startMachineAgent(config, {
  detachedProgram: fileURLToPath(new URL('../../../packages/agent/src/dead-man-main.ts', import.meta.url)),
  agentVersion: '0.1.0',
  log: jsonLog(systemClock, (line) => process.stderr.write(line)),
});
process.on('SIGTERM', () => void agent[Symbol.asyncDispose]());
await agent.stopped;
