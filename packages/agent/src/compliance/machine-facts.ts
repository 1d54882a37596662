import { readFile, readlink } from 'node:fs/promises';
import { release } from 'node:os';
import { join } from 'node:path';
import { BootId, type Clock, parseNarHash, StorePath } from '@nixfleet/contracts';
import { AgentError } from '../errors.ts';
import { runCommand } from '../run-command.ts';
import type { MachineFacts } from './collect-evidence.ts';

/** Longest answer of Nix or systemd that is waited for, in milliseconds. */
const answerMsMax = 20_000;
const answerBytesMax = 64 * 1024;

export interface MachineFactsOptions {
  /** `/`, or the root whose `run/current-system` says what runs. */
  readonly systemRoot: string;
  /** Directory of a chroot store; null: the machine's own. */
  readonly storeDirectory: string | null;
  readonly environment: Readonly<Record<string, string>>;
  readonly clock: Clock;
}

/** Read back from the machine itself. Throws `AgentError` `io` or `nix-failed` where it cannot be told what runs. */
export async function machineFacts(options: MachineFactsOptions): Promise<MachineFacts> {
  const { systemRoot } = options;
  const toplevel = await storePathAt(join(systemRoot, 'run/current-system'));
  if (toplevel === null) throw new AgentError('io', `${systemRoot}/run/current-system: expected a link into the store`);
  return {
    bootId: BootId.parse((await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim()),
    clock: { synced: await isSynchronised(options), source: null, offsetMs: null },
    system: {
      toplevel,
      narHash: await narHashOf(toplevel, options),
      bootedToplevel: await storePathAt(join(systemRoot, 'run/booted-system')),
      generation: await generationOf(options),
      configurationRevision: await revisionOf(toplevel, options),
      kernel: release(),
    },
  };
}

async function storePathAt(path: string): Promise<StorePath | null> {
  const target = await readlink(path).catch(() => null);
  const parsed = StorePath.safeParse(target?.replace(/^.*(?=\/nix\/store\/)/, ''));
  return parsed.success ? parsed.data : null;
}

async function narHashOf(path: StorePath, options: MachineFactsOptions) {
  const { storeDirectory } = options;
  const store = storeDirectory === null ? [] : ['--store', storeDirectory];
  const answer = await ask(['nix-store', ...store, '--query', '--hash', path], options);
  const hash = answer === null ? null : parseNarHash(answer);
  if (hash === null)
    throw new AgentError('nix-failed', `nix-store --query --hash ${path}: got ${answer ?? 'an error'}`);
  return hash;
}

async function generationOf({ storeDirectory }: MachineFactsOptions): Promise<number | null> {
  const profile = join(storeDirectory ?? '/', 'nix/var/nix/profiles/system');
  const link = await readlink(profile).catch(() => '');
  const [, number] = /(?:^|\/)system-(\d{1,9})-link$/.exec(link) ?? [];
  return number === undefined ? null : Number(number);
}

/** As the system says it itself; a store path has no other. */
async function revisionOf(toplevel: StorePath, options: MachineFactsOptions): Promise<string | null> {
  const program = join(options.storeDirectory ?? '/', toplevel, 'sw/bin/nixos-version');
  const answer = await ask([program, '--configuration-revision'], options);
  return answer === null || answer === '' ? null : answer.slice(0, 256).toWellFormed();
}

async function isSynchronised(options: MachineFactsOptions): Promise<boolean> {
  return (await ask(['timedatectl', 'show', '--property=NTPSynchronized', '--value'], options)) === 'yes';
}

/** Null: there is no such program, or it failed. */
async function ask(
  argv: readonly [string, ...string[]],
  { environment, clock }: MachineFactsOptions,
): Promise<string | null> {
  const result = await runCommand({ argv, environment, timeoutMs: answerMsMax, stdoutBytesMax: answerBytesMax, clock });
  return result.ended === 'exit' && result.exitCode === 0 ? result.stdout.trim() : null;
}
