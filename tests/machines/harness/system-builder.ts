import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CacheKey, type ClosurePath, closureDigest, parseNarHash, StorePath } from '@nixfleet/contracts';
import { nodeCrypto } from '@nixfleet/contracts/node-crypto';
import type { RealClosure } from '@nixfleet/testkit';
import { command } from './command.ts';

const closures = join(import.meta.dirname, '../closures');
const bundle = join(import.meta.dirname, '../../../dist');
const nixCommand = ['--extra-experimental-features', 'nix-command'];

/** Arguments of `closures/host.nix`. */
export type SystemSpec = Readonly<Record<string, unknown>>;

/** Builds the systems of the machines with Nix, and signs them into a binary cache. */
export class SystemBuilder {
  readonly cacheDirectory: string;
  readonly publicKey: CacheKey;
  readonly #directory: string;
  readonly #wanted = new Map<string, SystemSpec>();
  readonly #built = new Map<string, RealClosure>();

  constructor(directory: string) {
    mkdirSync(directory, { recursive: true });
    this.#directory = directory;
    this.cacheDirectory = join(directory, 'cache');
    const [secret, pub] = [join(directory, 'secret'), join(directory, 'public')];
    command('nix-store', '--generate-binary-cache-key', 'machines-1', secret, pub);
    this.publicKey = CacheKey.parse(command('cat', pub).trim());
  }

  /** To be built with the next `build`. */
  want(key: string, spec: SystemSpec): void {
    this.#wanted.set(key, spec);
  }

  /** Everything that is wanted and not built, in one go, since each call of Nix costs as much as many systems. */
  async build(): Promise<void> {
    const keys = [...this.#wanted.keys()].filter((key) => !this.#built.has(key)).sort();
    if (keys.length === 0) return;
    const specs = join(this.#directory, 'specs.json');
    writeFileSync(specs, JSON.stringify(Object.fromEntries(keys.map((key) => [key, this.#wanted.get(key)]))));
    const printed = command(
      'nix-build',
      ...['--no-out-link', '--option', 'sandbox', 'false', '--option', 'build-users-group', ''],
      closures,
      ...['--arg', 'specs', specs, '--arg', 'dist', bundle, '--arg', 'node', process.execPath],
    );
    // One line for each attribute, in the order of their names.
    const paths = printed.trim().split('\n');
    if (paths.length !== keys.length) throw new Error(`expected ${keys.length} systems:\n${printed}`);
    const target = `file://${this.cacheDirectory}?secret-key=${join(this.#directory, 'secret')}&compression=none`;
    command('nix', ...nixCommand, 'copy', '--to', target, ...paths);
    const known = this.#pathInfo(paths);
    for (const [i, key] of keys.entries()) {
      const closure = StorePath.parse(paths[i]);
      const all = closureOf(closure, known);
      const closureBytes = all.reduce((sum, { path }) => sum + (known.get(path)?.narSize ?? 0), 0);
      this.#built.set(key, { closure, closureDigest: await closureDigest(nodeCrypto, all), closureBytes });
    }
  }

  closure(key: string): RealClosure {
    const built = this.#built.get(key);
    if (!built) throw new Error(`${key} was not built`);
    return built;
  }

  /** Puts systems into the store below `root`, as an installer does. */
  installInto(root: string, systems: readonly string[]): void {
    command('nix', ...nixCommand, 'copy', '--no-check-sigs', '--to', `local?root=${root}`, ...systems);
  }

  #pathInfo(paths: readonly string[]): ReadonlyMap<string, PathInfo> {
    const found = JSON.parse(command('nix', ...nixCommand, 'path-info', '--json', '--recursive', ...paths)) as unknown;
    // A list up to Nix 2.18, an object by path since.
    const infos = Array.isArray(found)
      ? (found as (PathInfo & { path: string })[]).map((info) => [info.path, info] as const)
      : Object.entries(found as Record<string, PathInfo>);
    return new Map(infos);
  }
}

interface PathInfo {
  readonly narHash: string;
  readonly narSize: number;
  readonly references: readonly string[];
}

function closureOf(root: StorePath, known: ReadonlyMap<string, PathInfo>): ClosurePath[] {
  const seen = new Map<string, ClosurePath>();
  const visit = (path: string): void => {
    if (seen.has(path)) return;
    const info = known.get(path);
    const narHash = info && parseNarHash(info.narHash);
    if (!info || narHash === null || narHash === undefined) throw new Error(`nothing is known of ${path}`);
    seen.set(path, { path: StorePath.parse(path), narHash });
    for (const reference of info.references) visit(reference);
  };
  visit(root);
  return [...seen.values()];
}
