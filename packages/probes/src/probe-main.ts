import { systemClock } from '@nixfleet/contracts/node-clock';
import { probeLoaders } from './registry.ts';
import { runProbe } from './run-probe.ts';
import { SystemMachine } from './system-machine.ts';

// nixfleet-probe <name> [--root DIR] [arguments]: one measurement of this machine, as one JSON object on stdout.
// Exit code 0: it measured, whatever it found. 1: it could not. 2: nobody should have asked like that.

const exitCodes = { measured: 0, failed: 1, usage: 2 } as const;

async function main([name = '', ...given]: readonly string[]): Promise<number> {
  const load = probeLoaders.get(name);
  if (!load) {
    process.stderr.write(
      `nixfleet-probe: ${name || 'no name'}: expected one of ${[...probeLoaders.keys()].join(' ')}\n`,
    );
    return exitCodes.usage;
  }
  const hasRoot = given[0] === '--root';
  const root = hasRoot ? (given[1] ?? '') : '/';
  if (!root.startsWith('/')) {
    process.stderr.write('nixfleet-probe: --root: expected an absolute path after it\n');
    return exitCodes.usage;
  }
  const machine = new SystemMachine({ clock: systemClock, root, path: process.env.PATH ?? '' });
  const end = await runProbe(await load(), machine, given.slice(hasRoot ? 2 : 0));
  if (end.ok) {
    process.stdout.write(`${end.text}\n`);
    return exitCodes.measured;
  }
  process.stderr.write(`nixfleet-probe ${name}: ${end.code}: ${end.message}\n`);
  return end.code === 'bad-arguments' ? exitCodes.usage : exitCodes.failed;
}

process.exitCode = await main(process.argv.slice(2));
