import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** Where nixpkgs' `lib` is, for tests that need the real module system; null where nobody says. */
export const nixpkgsLib: string | null = locate(process.env.NIXFLEET_NIXPKGS_LIB);

/** For `skip`: false where there is one. It cannot be installed like a program, so a run without it says so. */
export const withoutNixpkgsLib: string | false =
  nixpkgsLib === null && 'NOT RUN: set NIXFLEET_NIXPKGS_LIB to the folder `lib` of a nixpkgs';

/** A checkout of nixpkgs serves as well as its `lib`. Throws for a folder that is neither. */
function locate(named: string | undefined): string | null {
  if (!named) return null;
  const found = [resolve(named), resolve(named, 'lib')].find((folder) => existsSync(join(folder, 'modules.nix')));
  if (found === undefined) throw new Error(`NIXFLEET_NIXPKGS_LIB: ${named} is not the folder lib of a nixpkgs`);
  return found;
}
