import { env, exit, cwd as workingDirectory } from 'node:process';
import { systemClock } from '@nixfleet/contracts/node-clock';
import type { CommandContext } from './command-context.ts';
import { describeFailure } from './failure.ts';
import { parseCommandLine } from './program.ts';
import { systemTerminal } from './terminal.ts';

/** How long a command may take to end by itself once it was interrupted, in milliseconds. */
const interruptGraceMs = 5000;
/** 128 + the signal's number, as shells count: SIGINT 2, SIGPIPE 13, SIGTERM 15. */
const exitCodes = { SIGINT: 130, SIGPIPE: 141, SIGTERM: 143 } as const;

const stopping = new AbortController();
let stoppedBy: 'SIGINT' | 'SIGTERM' | undefined;
let isService = false;

for (const stream of [process.stdout, process.stderr]) {
  // Whoever read our output has gone (`nixfleet status | head -1`): nothing is left to say.
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') exit(exitCodes.SIGPIPE);
    throw error;
  });
}
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    if (stoppedBy) exit(exitCodes[signal]);
    stoppedBy = signal;
    stopping.abort();
    if (isService) return;
    void systemClock.sleep(interruptGraceMs).then(() => exit(exitCodes[signal]));
  });
}

async function run(context: CommandContext): Promise<number> {
  try {
    const invocation = parseCommandLine(process.argv.slice(2), context);
    if (typeof invocation === 'number') return invocation;
    isService = invocation.definition.isService === true;
    const { run: handler } = await invocation.definition.load();
    const exitCode = await handler(context, invocation.values);
    if (stoppedBy === 'SIGTERM' && isService) return exitCode;
    return stoppedBy ? exitCodes[stoppedBy] : exitCode;
  } catch (error) {
    if (stoppedBy && !isService) return exitCodes[stoppedBy];
    const failure = describeFailure(error);
    context.terminal.talk(failure.text);
    return failure.exitCode;
  }
}

const exitCode = await run({
  terminal: systemTerminal(process, env),
  environment: env,
  workingDirectory: workingDirectory(),
  clock: systemClock,
  signal: stopping.signal,
});
// Pipes and files are written synchronously on Linux, but a failed write is told only later: wait for it.
process.stdout.write('', (error) => exit(error ? exitCodes.SIGPIPE : exitCode));
