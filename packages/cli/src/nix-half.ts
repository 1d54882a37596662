import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { CliError } from './cli-error.ts';

/** The declarative half that came with this program: beside the bundle, or in the checkout. */
export function findNixHalf(): string {
  const places = [join(import.meta.dirname, '..', 'share', 'nix'), join(import.meta.dirname, '..', '..', '..', 'nix')];
  const found = places.find((place) => existsSync(join(place, 'fleet', 'mk-fleet.nix')));
  if (found !== undefined) return found;
  throw new CliError('failed', `${places[0]} is not there`, 'install nixfleet whole, with its share directory');
}
