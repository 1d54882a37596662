import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '../../loop/harness/until.ts';
import type { Setup } from '../probes/probe-case.ts';
import { command } from './command.ts';
import { Machine } from './machine.ts';

const bundle = join(import.meta.dirname, '../../../dist');
const bridge = 'probes0';
const searchPath = '/usr/sbin:/usr/bin:/sbin:/bin';

export interface ProbeOutput {
  readonly compliant: boolean;
  readonly notApplicable?: string;
  readonly violations?: readonly { readonly what: string }[];
  readonly [fact: string]: unknown;
}

/** Debian machines that systemd boots, with the shipped bundle in them, and nothing else of NixFleet. */
export class ProbeWorld implements AsyncDisposable {
  readonly #directory = mkdtempSync(join(tmpdir(), 'nixfleet-probes-'));
  readonly #machines: Machine[] = [];
  readonly #image: string;

  constructor() {
    if (!existsSync(join(bundle, 'lib/probe.js'))) throw new Error('dist/lib/probe.js is missing: make build');
    command('ip', 'link', 'add', bridge, 'type', 'bridge');
    command('ip', 'link', 'set', bridge, 'up');
    const base = command(join(import.meta.dirname, 'base-image.sh')).trim();
    this.#image = command(join(import.meta.dirname, 'probe-image.sh'), base).trim();
  }

  /** Boots a machine with the files of these. */
  async boot(name: string, setups: readonly Setup[]): Promise<Machine> {
    const machine = new Machine({
      name,
      directory: this.#directory,
      layers: [this.#image],
      bridge,
      init: '/usr/lib/systemd/systemd',
    });
    this.#machines.push(machine);
    this.#bring(machine, bundle, '/opt/nixfleet');
    this.#bring(machine, process.execPath, '/opt/node');
    machine.write('/etc/machine-id', `${'0123456789abcdef'.repeat(2)}\n`);
    machine.write('/etc/hosts', '127.0.0.1 localhost\n::1 localhost\n');
    command('chroot', machine.root, 'ssh-keygen', '-A');
    for (const { files = {} } of setups)
      for (const [path, file] of Object.entries(files))
        if (typeof file === 'string') machine.write(path, file);
        else machine.write(path, file.text, file.mode);
    machine.switchOn();
    // Not `is-system-running`: a unit that waits for something of its own is no reason to wait.
    const isUp = (): boolean => machine.tryRun('systemctl', 'is-active', 'multi-user.target').trim() === 'active';
    await until(`${name} is up`, isUp, { seconds: 90, explain: () => machine.log });
    return machine;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#machines.map((machine) => machine[Symbol.asyncDispose]()));
    command('ip', 'link', 'delete', bridge);
    rmSync(this.#directory, { recursive: true, force: true });
  }

  /** Read-only, from before the boot on. */
  #bring(machine: Machine, from: string, to: string): void {
    const at = join(machine.root, to);
    if (from === bundle) mkdirSync(at, { recursive: true });
    else {
      mkdirSync(join(at, '..'), { recursive: true });
      writeFileSync(at, '');
    }
    command('mount', '--bind', from, at);
    command('mount', '-o', 'remount,bind,ro', at);
  }
}

/** Runs a probe on a machine as root, from the shipped bundle; throws with what it said when it could not measure. */
export function runProbe(machine: Machine, probe: string, args: readonly string[]): ProbeOutput {
  const environment = ['/usr/bin/env', '-i', `PATH=${searchPath}`, 'NIXFLEET_NODE=/opt/node'];
  return JSON.parse(machine.run(...environment, '/opt/nixfleet/nixfleet-probe', probe, ...args)) as ProbeOutput;
}
