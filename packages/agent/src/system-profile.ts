import { readlink, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { StorePath } from '@nixfleet/contracts';
import { describe } from './profile-system.ts';
import type { CommandResult } from './run-command.ts';

/** Setting the profile, in seconds. */
export const profileSeconds = 120;

/** The profile that names the generations of a machine's system, and the one that is its own. */
export class SystemProfile {
  readonly path: string;
  readonly #run: (argv: readonly [string, ...string[]]) => Promise<CommandResult>;

  /** `run`: as whoever may change the profile, for so long as `profileSeconds`. */
  constructor(path: string, run: (argv: readonly [string, ...string[]]) => Promise<CommandResult>) {
    this.path = path;
    this.#run = run;
  }

  /** What its own generation is. */
  async closure(): Promise<StorePath | null> {
    const generation = await readlink(this.path).catch(() => null);
    return generation === null ? null : storePathAt(join(dirname(this.path), generation));
  }

  /** Points it at `closure` and reads it back. Null, or what is wrong. */
  async set(closure: StorePath): Promise<string | null> {
    if ((await this.closure()) === closure) return null;
    const result = await this.#run(['nix-env', '--profile', this.path, '--set', closure]);
    if (result.exitCode !== 0) return `nix-env --set: ${describe(result.output)}`;
    const found = await this.closure();
    return found === closure ? null : `expected the profile at ${closure}, read back ${found ?? 'nothing'}`;
  }
}

export async function storePathAt(link: string): Promise<StorePath | null> {
  const parsed = StorePath.safeParse(await readlink(link).catch(() => null));
  return parsed.success ? parsed.data : null;
}

export async function isProgram(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => null);
  return found?.isFile() === true && (found.mode & 0o111) !== 0;
}
