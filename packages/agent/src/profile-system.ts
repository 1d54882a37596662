import { readlink, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Clock, type CommandOutput, StorePath } from '@nixfleet/contracts';
import { z } from 'zod';
import { messageOf } from './errors.ts';
import { type CommandResult, runCommand } from './run-command.ts';

/** Most bytes that a command of the profile backend may print on standard output. */
const stdoutBytesMax = 64 * 1024 * 1024;
/** Setting a profile, in milliseconds. */
const profileTimeoutMs = 60_000;

/** Exit codes of `switch-to-configuration` that say more than failure. */
export const exitCodeLockBusy = 11;
export const exitCodeUnitsFailed = 4;

/** What the detached programs of the backend need to know; handed to them in their environment. */
export const ProfileSettings = z.object({
  /** Directory of the chroot store: `/nix/store/x` lies at `<storeDirectory>/nix/store/x`. `/` for the machine's own. */
  storeDirectory: z.string().min(1),
  /** The root whose `run/current-system` says what runs. */
  systemRoot: z.string().min(1),
  /** The profile link: its target is the boot default. */
  profile: z.string().min(1),
  /** PATH of Nix commands and of the switch. */
  path: z.string(),
  /** Further variables for the switch and for exec probes. */
  environment: z.record(z.string(), z.string()),
});
export type ProfileSettings = z.infer<typeof ProfileSettings>;

export interface SwitchResult {
  readonly result: CommandResult;
  readonly running: StorePath | null;
}

/** A system made of a chroot store, a profile and a root directory, all of one user. */
export class ProfileSystem {
  readonly settings: ProfileSettings;
  readonly #clock: Clock;

  constructor(settings: ProfileSettings, clock: Clock) {
    this.settings = settings;
    this.#clock = clock;
  }

  locate(path: string): string {
    const { storeDirectory } = this.settings;
    return storeDirectory === '/' || !path.startsWith('/nix/store/') ? path : join(storeDirectory, path);
  }

  get environment(): Record<string, string> {
    const { path, systemRoot, storeDirectory, environment } = this.settings;
    return {
      PATH: path,
      HOME: '/',
      LC_ALL: 'C',
      ...environment,
      NIXFLEET_SYSTEM_ROOT: systemRoot,
      NIXFLEET_STORE_ROOT: storeDirectory,
    };
  }

  running(): Promise<StorePath | null> {
    return this.#storePathAt(join(this.settings.systemRoot, 'run/current-system'));
  }

  /** The closure of the profile's newest generation. */
  async default(): Promise<StorePath | null> {
    const { profile } = this.settings;
    const generation = await readlink(profile).catch(() => null);
    return generation === null ? null : this.#storePathAt(join(profile, '..', generation));
  }

  async isSystem(closure: StorePath): Promise<boolean> {
    const found = await stat(this.locate(`${closure}/bin/switch-to-configuration`)).catch(() => null);
    return found?.isFile() === true && (found.mode & 0o111) !== 0;
  }

  /** `switch-to-configuration test`: everything but the boot default. */
  async switchTo(
    closure: StorePath,
    options: {
      readonly timeoutMs: number;
      readonly group?: 'own' | 'inherit';
      readonly onOutput?: (chunk: Buffer) => void;
    },
  ): Promise<SwitchResult> {
    const result = await runCommand({
      argv: [this.locate(`${closure}/bin/switch-to-configuration`), 'test'],
      environment: this.environment,
      stdoutBytesMax,
      clock: this.#clock,
      directory: '/',
      ...options,
    });
    return { result, running: await this.running() };
  }

  /** Points the profile at `closure` and reads it back. Null, or what is wrong. */
  async setDefault(closure: StorePath): Promise<string | null> {
    if ((await this.default()) === closure) return null;
    const { storeDirectory, profile, path } = this.settings;
    const store = storeDirectory === '/' ? [] : ['--store', storeDirectory];
    const result = await runCommand({
      argv: ['nix-env', ...store, '--profile', profile, '--set', closure],
      // nix-env keeps a folder of channels in HOME: beside the profile, not in the machine's root.
      environment: { PATH: path, HOME: dirname(profile), LC_ALL: 'C', NIX_CONF_DIR: '/etc/nix' },
      timeoutMs: profileTimeoutMs,
      stdoutBytesMax,
      clock: this.#clock,
      directory: '/',
    });
    if (result.exitCode !== 0) return `nix-env --set: ${describe(result.output)}`;
    const found = await this.default().catch((error: unknown) => messageOf(error));
    return found === closure ? null : `expected the profile at ${closure}, read back ${found ?? 'nothing'}`;
  }

  async #storePathAt(link: string): Promise<StorePath | null> {
    const target = await readlink(link).catch(() => null);
    if (target === null) return null;
    const at = target.indexOf('/nix/store/');
    const parsed = StorePath.safeParse(at < 0 ? target : target.slice(at));
    return parsed.success ? parsed.data : null;
  }
}

/** A command's end in one line. */
export function describe(output: CommandOutput): string {
  const how = output.exitCode === null ? `ended by ${output.signal ?? 'a fault'}` : `exit ${output.exitCode}`;
  const last = output.excerpt.trim().split('\n').slice(-3).join(' | ');
  return `${how}${last === '' ? '' : `: ${last}`}`.slice(0, 900);
}
