import { existsSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { ReleaseError } from './errors.ts';

/** Where the fleet expression is: an attribute set with `resolved`, `toplevels.<host>` and maybe `warnings`. */
export type FleetSource =
  | {
      readonly kind: 'file';
      /** Absolute path of a file or of a directory with `default.nix`; a function there is called with `{}`. */
      readonly path: string;
      /** The folder whose git repository the source is. */
      readonly directory: string;
      /** Attributes to follow to the fleet. */
      readonly attribute: readonly string[];
    }
  | {
      readonly kind: 'flake';
      /** An installable, such as `.#fleet`. */
      readonly installable: string;
      /** Where a relative reference starts. */
      readonly directory: string;
    };

/**
 * Reads `--fleet`: a flake reference if it has a `#` or a scheme (`.#fleet`, `git+https://…#fleet`), else a path to a
 * file, or to a folder with `fleet.nix` or `default.nix`. Throws `ReleaseError` `bad-input`.
 */
export function parseFleetSource(
  text: string,
  { directory, attribute = '' }: { readonly directory: string; readonly attribute?: string },
): FleetSource {
  if (text.includes('#') || /^[a-z][a-z0-9+]*:/.test(text)) {
    if (attribute !== '') throw new ReleaseError('bad-input', `${text}: put the attribute after the #`);
    return { kind: 'flake', installable: text.includes('#') ? text : `${text}#fleet`, directory: resolve(directory) };
  }
  const path = resolve(directory, text);
  const names = attribute === '' ? [] : attribute.split('.');
  const bad = names.find((name) => !/^[A-Za-z_][A-Za-z0-9_'-]*$/.test(name));
  if (bad !== undefined) throw new ReleaseError('bad-input', `${attribute}: ${bad} is not an attribute name`);
  const file = fleetFile(path);
  return { kind: 'file', path: file, directory: dirname(file), attribute: names };
}

function fleetFile(path: string): string {
  if (!existsSync(path)) throw new ReleaseError('bad-input', `${path}: no such file or folder`);
  if (!statSync(path).isDirectory()) return path;
  for (const name of ['fleet.nix', 'default.nix']) {
    if (existsSync(join(path, name))) return join(path, name);
  }
  throw new ReleaseError('bad-input', `${path}: has neither fleet.nix nor default.nix`);
}
