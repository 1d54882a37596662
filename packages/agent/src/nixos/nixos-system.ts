import { readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Clock, StorePath } from '@nixfleet/contracts';
import type { BootParts } from '../host.ts';
import { describe, exitCodeLockBusy } from '../profile-system.ts';
import type { CommandResult } from '../run-command.ts';
import { isProgram, profileSeconds, SystemProfile, storePathAt } from '../system-profile.ts';
import { type BootLoader, findBootLoader } from './boot-loader.ts';
import { bootShortage } from './boot-room.ts';
import { specialised, type Variant, variantOf } from './specialisation.ts';
import type { Systemd } from './systemd.ts';

/** Writing the boot loader's configuration, in seconds. */
const bootLoaderSeconds = 600;
/** Attempts at an activation while another one holds the lock, and the wait between them. */
export const lockAttemptsMax = 6;
export const lockRetryMs = 10_000;
/** How NixOS says that another activation holds the lock, with one exit code or another. */
export const lockBusyPattern = /could not acquire lock/i;
/** Generations of the profile among which a running specialisation is looked for, the newest. */
const generationsMax = 100;
/** What a closure must contain for a later one to go back to it: `nix/modules/agent-units.nix`. */
const deadManPath = 'etc/nixfleet/dead-man';
const recoverUnit = 'etc/systemd/system/nixfleet-recover.service';

export interface NixosSystemOptions {
  readonly systemd: Systemd;
  /** PATH of what runs outside the agent. */
  readonly path: string;
  /** A name that no other unit has. */
  readonly unitName: () => string;
  readonly clock: Clock;
}

/** What a NixOS machine runs, has booted and boots next; changed only by programs in units of their own. */
export class NixosSystem {
  readonly profile = new SystemProfile('/nix/var/nix/profiles/system', (argv) => this.#run(argv, profileSeconds));
  readonly #options: NixosSystemOptions;
  /** The specialisation that was told apart last. */
  #known: Variant | null = null;

  constructor(options: NixosSystemOptions) {
    this.#options = options;
  }

  get environment(): Readonly<Record<string, string>> {
    return { PATH: this.#options.path, HOME: '/root', LC_ALL: 'C' };
  }

  /**
   * What runs. A specialisation counts as the system that it belongs to: one of the profile's, or one of `more`, which are
   * asked for only where it is needed. What belongs to none of them stands for itself.
   */
  async running(more: () => Promise<readonly StorePath[]> = async () => []): Promise<Variant | null> {
    const path = await storePathAt('/run/current-system');
    return path === null ? null : this.#variant(path, more);
  }

  async booted(): Promise<Variant | null> {
    const path = await storePathAt('/run/booted-system');
    return path === null ? null : this.#variant(path, async () => []);
  }

  /** What to switch to, for `closure` to take the place of what runs: the same specialisation of it, where it has that. */
  async inPlaceOf(running: Variant | null, closure: StorePath): Promise<Variant> {
    const name = running?.specialisation ?? null;
    const path = name === null ? null : await specialised(closure, name);
    return path === null
      ? { system: closure, specialisation: null, path: closure }
      : { system: closure, specialisation: name, path };
  }

  /** What the loader boots, by its own configuration; what the profile names where that cannot be told. */
  async bootDefault(): Promise<StorePath | null> {
    return (await (await this.bootLoader())?.default()) ?? this.profile.closure();
  }

  /** The same, where a specialisation counts as the system that it belongs to. */
  async bootedByItself(): Promise<StorePath | null> {
    const path = await this.bootDefault();
    return path === null ? null : (await this.#variant(path, async () => [])).system;
  }

  async bootShortage(parts: () => Promise<BootParts>): Promise<string | null> {
    const loader = await this.bootLoader();
    const [installed, running] = [await this.#generations(), await storePathAt('/run/current-system')];
    return bootShortage(await parts(), { directory: loader?.directory ?? null, installed, running });
  }

  bootLoader(): Promise<BootLoader | null> {
    return findBootLoader({
      bootDirectories: ['/boot', '/efi', '/boot/efi'],
      efiVariables: '/sys/firmware/efi/efivars',
      run: (argv) => this.#run(argv, bootLoaderSeconds),
    });
  }

  /** The script that goes back to this closure; null where it has none. */
  async deadManOf(closure: StorePath): Promise<string | null> {
    const path = `${closure}/${deadManPath}`;
    return (await isProgram(path)) ? path : null;
  }

  /** Null for a system that can be switched to and gone back to, or what it lacks. */
  async whatLacks(closure: StorePath): Promise<string | null> {
    if (!(await isProgram(`${closure}/bin/switch-to-configuration`))) {
      return `${closure}/bin/switch-to-configuration is not a program: not a system`;
    }
    if ((await this.deadManOf(closure)) === null)
      return `${closure}/${deadManPath} is not a program: nothing would undo it`;
    const unit = await stat(`${closure}/${recoverUnit}`).catch(() => null);
    return unit === null ? `${closure}/${recoverUnit} is not there: nothing would undo it after a reboot` : null;
  }

  /**
   * Makes `closure` what boots by itself, and reads it back. Null, or what is wrong. Another activation is waited for as long
   * as `isWanted`: it may be one that undoes this.
   */
  async setBootDefault(closure: StorePath, isWanted = async (): Promise<boolean> => true): Promise<string | null> {
    const argv = [`${closure}/bin/switch-to-configuration`, 'boot'] as const;
    let result = await this.#run(argv, bootLoaderSeconds);
    // Somebody else's activation, or one of an agent that was ended over it: nothing was changed, and it will be over.
    for (let tries = 1; isLockBusy(result) && tries < lockAttemptsMax; tries++) {
      await this.#options.clock.sleep(lockRetryMs);
      if (!(await isWanted())) return 'it was undone meanwhile';
      result = await this.#run(argv, bootLoaderSeconds);
    }
    if (result.exitCode !== 0) return `switch-to-configuration boot: ${describe(result.output)}`;
    await (await this.bootLoader())?.installedCounts();
    const found = await this.bootDefault();
    return found === closure ? null : `expected ${closure} to boot by itself, read back ${found ?? 'nothing'}`;
  }

  async #variant(path: StorePath, more: () => Promise<readonly StorePath[]>): Promise<Variant> {
    if (this.#known?.path === path) return this.#known;
    const itself = { system: path, specialisation: null, path };
    const found = (await variantOf(path, await this.#generations())) ?? (await variantOf(path, await more())) ?? itself;
    // What it belongs to does not change; what belongs to nothing known may belong to the next target.
    if (found.specialisation !== null) this.#known = found;
    return found;
  }

  async #generations(): Promise<readonly StorePath[]> {
    const profiles = dirname(this.profile.path);
    const numbers = (await readdir(profiles).catch(() => []))
      .map((name) => Number(/^system-(\d{1,9})-link$/.exec(name)?.[1] ?? 0))
      .filter((number) => number > 0)
      .sort((left, right) => right - left)
      .slice(0, generationsMax);
    const systems = await Promise.all(numbers.map((number) => storePathAt(join(profiles, `system-${number}-link`))));
    return systems.filter((system) => system !== null);
  }

  #run(argv: readonly [string, ...string[]], timeoutSeconds: number): Promise<CommandResult> {
    const { systemd, unitName } = this.#options;
    return systemd.run({
      unit: unitName(),
      description: `NixFleet: ${argv[0]}`,
      argv,
      // Pre-switch checks had their say before the switch: here the system already runs, and is to be booted, too.
      environment: { ...this.environment, NIXOS_NO_CHECK: '1' },
      timeoutSeconds,
    });
  }
}

/** Nothing was changed: another activation holds the lock. */
function isLockBusy({ exitCode, output }: CommandResult): boolean {
  return exitCode === exitCodeLockBusy || (exitCode === 1 && lockBusyPattern.test(output.excerpt));
}
