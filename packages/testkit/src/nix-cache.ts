import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CacheKey, type ClosurePath, closureDigest, parseNarHash, StorePath } from '@nixfleet/contracts';
import { nodeCrypto } from '@nixfleet/contracts/node-crypto';
import { present } from './accepted.ts';

/** `nix/testing/toplevel.nix`: the stand-in for a NixOS system. */
const toplevel = join(import.meta.dirname, '../../../nix/testing/toplevel.nix');

/** A closure that exists, as a manifest names it. */
export interface RealClosure {
  readonly closure: StorePath;
  readonly closureDigest: string;
  readonly closureBytes: number;
}

/** A signed binary cache in a directory, filled with stand-in systems that Nix really builds. */
export class NixCache implements Disposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'nixfleet-cache-'));
  readonly publicKey: CacheKey;

  constructor(name = 'cache.test-1') {
    const secret = join(this.directory, 'secret');
    execFileSync('nix-store', ['--generate-binary-cache-key', name, secret, join(this.directory, 'public')]);
    this.publicKey = CacheKey.parse(readFileSync(join(this.directory, 'public'), 'utf8').trim());
  }

  get substituter(): string {
    return `file://${join(this.directory, 'cache')}`;
  }

  /** Builds a system, without cache or signature. `args` as `toplevel.nix` takes them. */
  build(args: Readonly<Record<string, unknown>>): StorePath {
    const json = JSON.stringify(JSON.stringify(args));
    const expression = `import ${toplevel} (builtins.fromJSON ${json.replaceAll('${', '\\${')})`;
    const options = ['--option', 'sandbox', 'false', '--option', 'build-users-group', ''];
    const out = execFileSync('nix-build', ['--no-out-link', ...options, '--expr', expression], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    return StorePath.parse(out.trim().split('\n').at(-1));
  }

  /** Signs a closure of a store into the cache. */
  push(closure: StorePath, store?: string): void {
    const target = `${this.substituter}?secret-key=${join(this.directory, 'secret')}&compression=none`;
    const features = ['--extra-experimental-features', 'nix-command'];
    const from = store === undefined ? [] : ['--from', store, '--no-check-sigs'];
    execFileSync('nix', [...features, 'copy', ...from, '--to', target, closure], { stdio: 'pipe' });
  }

  async release(args: Readonly<Record<string, unknown>>): Promise<RealClosure> {
    const closure = this.build(args);
    this.push(closure);
    const paths = this.paths(closure);
    const sizes = query(['--size', ...paths.map(({ path }) => path)]).map(Number);
    const closureBytes = sizes.reduce((sum, size) => sum + size, 0);
    return { closure, closureDigest: await closureDigest(nodeCrypto, paths), closureBytes };
  }

  paths(closure: StorePath): ClosurePath[] {
    return query(['--requisites', closure]).map((path) => ({
      path: StorePath.parse(path),
      narHash: present(parseNarHash(query(['--hash', path])[0] ?? ''), `a hash of ${path}`),
    }));
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

function query(args: readonly string[]): string[] {
  return execFileSync('nix-store', ['--query', ...args], { encoding: 'utf8' })
    .trim()
    .split('\n');
}
