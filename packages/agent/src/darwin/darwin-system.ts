import { stat } from 'node:fs/promises';
import { BootId, type Clock, type StorePath } from '@nixfleet/contracts';
import { AgentError } from '../errors.ts';
import { describe } from '../profile-system.ts';
import { isProgram, profileSeconds, SystemProfile, storePathAt } from '../system-profile.ts';
import type { Launchd } from './launchd.ts';

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
  readonly profile: SystemProfile;
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
    this.profile = new SystemProfile(options.paths.profile, (argv) => options.launchd.run(argv, profileSeconds * 1000));
    this.#clock = options.clock;
    this.environment = { PATH: options.path, HOME: '/var/root', LC_ALL: 'C' };
  }

  locate(path: string): string {
    return path.startsWith('/nix/store/') ? this.#paths.storeRoot + path : path;
  }

  running(): Promise<StorePath | null> {
    return storePathAt(this.#paths.currentSystem);
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

  async #sysctl(name: string): Promise<string> {
    const shown = await this.#launchd.run(['sysctl', '-n', name]);
    if (shown.exitCode !== 0) throw new AgentError('io', `sysctl ${name}: ${describe(shown.output)}`);
    return shown.stdout.trim();
  }
}
