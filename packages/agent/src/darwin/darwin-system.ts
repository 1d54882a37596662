import { readlink, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { BootId, type Clock, StorePath } from '@nixfleet/contracts';
import { AgentError } from '../errors.ts';
import { describe } from '../profile-system.ts';
import type { Launchd } from './launchd.ts';

/** Setting the profile, in milliseconds. */
const profileMs = 120_000;
/** Most readings of the clock until it stood still between two looks at the boot's time. */
const readingsMax = 5;
/** What a closure must contain to be switched to, and for a later one to go back to it: `nix/modules/agent-daemons.nix`. */
const activatePath = 'activate';
const deadManPath = 'etc/nixfleet/dead-man';
const recoverPath = 'Library/LaunchDaemons/org.nixos.nixfleet-recover.plist';

/** Where a Mac with nix-darwin has these things. */
export interface DarwinPaths {
  readonly profile: string;
  readonly currentSystem: string;
  /** `/nix/store/x` lies at `<storeRoot>/nix/store/x`. Empty but in tests. */
  readonly storeRoot: string;
}

export const darwinPaths: DarwinPaths = {
  profile: '/nix/var/nix/profiles/system',
  currentSystem: '/run/current-system',
  storeRoot: '',
};

/** What a Mac runs, and what it activates when it boots: that is what the profile names, since the kernel is not ours. */
export class DarwinSystem {
  readonly #paths: DarwinPaths;
  readonly #launchd: Launchd;
  readonly #clock: Clock;
  readonly environment: Readonly<Record<string, string>>;
  #bootId: BootId | null = null;

  constructor(options: {
    readonly paths: DarwinPaths;
    readonly launchd: Launchd;
    readonly clock: Clock;
    readonly path: string;
  }) {
    this.#paths = options.paths;
    this.#launchd = options.launchd;
    this.#clock = options.clock;
    this.environment = { PATH: options.path, HOME: '/var/root', LC_ALL: 'C' };
  }

  locate(path: string): string {
    return path.startsWith('/nix/store/') ? this.#paths.storeRoot + path : path;
  }

  running(): Promise<StorePath | null> {
    return storePathAt(this.#paths.currentSystem);
  }

  async profileClosure(): Promise<StorePath | null> {
    const { profile } = this.#paths;
    const generation = await readlink(profile).catch(() => null);
    return generation === null ? null : storePathAt(join(dirname(profile), generation));
  }

  /** The kernel makes a new one at every boot. */
  async bootId(): Promise<BootId> {
    this.#bootId ??= BootId.parse(await this.#sysctl('kern.bootsessionuuid'));
    return this.#bootId;
  }

  /** Seconds since boot, suspended time counted: the kernel moves `kern.boottime` along when the clock is set. */
  async uptimeSeconds(): Promise<number> {
    let before = await this.#bootedAt();
    for (let reading = 0; reading < readingsMax; reading++) {
      const now = Math.floor(this.#clock.now() / 1000);
      const after = await this.#bootedAt();
      // Set between the two readings, the clock would have let pass what has not.
      if (after === before) return now - after;
      before = after;
    }
    throw new AgentError('io', 'the clock is set again and again: nobody can say how long this machine is up');
  }

  async #bootedAt(): Promise<number> {
    const shown = await this.#sysctl('kern.boottime');
    const seconds = /\bsec = (\d{1,12}),/.exec(shown)?.[1];
    if (seconds === undefined) throw new AgentError('io', `sysctl kern.boottime: expected sec = …, got ${shown}`);
    return Number(seconds);
  }

  /** Whether the system keeps the clock by the network. Whether it has reached a server is said nowhere. */
  async usesNetworkTime(): Promise<boolean> {
    const shown = await this.#launchd.run(['systemsetup', '-getusingnetworktime']);
    return shown.exitCode === 0 && /^Network Time: On$/m.test(shown.stdout);
  }

  /** The script that goes back to this closure; null where it has none. */
  async deadManOf(closure: StorePath): Promise<string | null> {
    const path = this.locate(`${closure}/${deadManPath}`);
    return (await isProgram(path)) ? path : null;
  }

  /** Null for a system that can be switched to and gone back to, or what it lacks. */
  async whatLacks(closure: StorePath): Promise<string | null> {
    if (!(await isProgram(this.locate(`${closure}/${activatePath}`)))) {
      return `${closure}/${activatePath} is not a program: not a system`;
    }
    if ((await this.deadManOf(closure)) === null) {
      return `${closure}/${deadManPath} is not a program: nothing would undo it`;
    }
    const job = await stat(this.locate(`${closure}/${recoverPath}`)).catch(() => null);
    return job === null ? `${closure}/${recoverPath} is not there: nothing would undo it after a reboot` : null;
  }

  /** Points the profile at `closure` and reads it back. Null, or what is wrong. */
  async setProfile(closure: StorePath): Promise<string | null> {
    if ((await this.profileClosure()) === closure) return null;
    const { profile } = this.#paths;
    const result = await this.#launchd.run(['nix-env', '--profile', profile, '--set', closure], profileMs);
    if (result.exitCode !== 0) return `nix-env --set: ${describe(result.output)}`;
    const found = await this.profileClosure();
    return found === closure ? null : `expected the profile at ${closure}, read back ${found ?? 'nothing'}`;
  }

  async #sysctl(name: string): Promise<string> {
    const shown = await this.#launchd.run(['sysctl', '-n', name]);
    if (shown.exitCode !== 0) throw new AgentError('io', `sysctl ${name}: ${describe(shown.output)}`);
    return shown.stdout.trim();
  }
}

async function storePathAt(link: string): Promise<StorePath | null> {
  const parsed = StorePath.safeParse(await readlink(link).catch(() => null));
  return parsed.success ? parsed.data : null;
}

async function isProgram(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => null);
  return found?.isFile() === true && (found.mode & 0o111) !== 0;
}
