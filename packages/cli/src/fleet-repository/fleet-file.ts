import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { CliError } from '../cli-error.ts';

/** `fleet.nix` of a repository. */
export function requireFleetFile(directory: string): string {
  const file = join(directory, 'fleet.nix');
  if (existsSync(file)) return file;
  throw new CliError(
    'usage',
    `${file}: there is no such file`,
    'name a fleet repository, or begin one with nixfleet init',
  );
}
