import { readFileSync } from 'node:fs';
import { systemClock } from '@nixfleet/contracts/node-clock';
import { messageOf } from './errors.ts';
import { probeLoaders } from './registry.ts';
import { runProbe } from './run-probe.ts';
import { SystemMachine } from './system-machine.ts';

// nixfleet-probe <name> [--root DIR] [arguments]: one measurement of this machine, as one JSON object on stdout.
// nixfleet-probe --catalogue FILE: every active probe of a catalogue document, their raw runs as one JSON object.
// Exit code 0: it measured, whatever it found. 1: it could not. 2: nobody should have asked like that.

const exitCodes = { measured: 0, failed: 1, usage: 2 } as const;

async function main([name = '', ...given]: readonly string[]): Promise<number> {
  if (name === '--catalogue') return catalogue(given);
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

/** Who probes without privilege run as: nobody, where this is root. */
const nobody = { uid: 65_534, gid: 65_534 } as const;

async function catalogue([path, ...more]: readonly string[]): Promise<number> {
  if (path === undefined || more.length > 0) {
    process.stderr.write('nixfleet-probe: --catalogue: expected one file after it\n');
    return exitCodes.usage;
  }
  const { runCatalogue } = await import('./run-catalogue.ts');
  const { PATH = '', NIXFLEET_NODE = process.execPath } = process.env;
  try {
    const runs = await runCatalogue(readFileSync(path), {
      clock: systemClock,
      environment: { PATH, NIXFLEET_NODE },
      unprivileged: process.getuid?.() === 0 ? nobody : null,
    });
    process.stdout.write(`${JSON.stringify(runs)}\n`);
    return exitCodes.measured;
  } catch (error) {
    process.stderr.write(`nixfleet-probe: ${path}: ${messageOf(error)}\n`);
    return exitCodes.failed;
  }
}

process.exitCode = await main(process.argv.slice(2));
