import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, open, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { buildInto, evaluated, repositoryRoot } from '../nix.ts';

interface Archive {
  readonly name: string;
  readonly url: string;
  readonly hash: string;
}

interface LockEntry {
  readonly version?: string;
  readonly integrity?: string;
  readonly dev?: boolean;
  readonly optional?: boolean;
}

/** What `nix/package.nix` would fetch. */
async function archivesOf(system: string): Promise<readonly Archive[]> {
  const expression = `
    let
      fetched = import ./nix/package.nix {
        pkgs = {
          stdenv.hostPlatform.system = "${system}";
          fetchurl = builtins.toJSON;
          nodejs_24 = "/node";
          runtimeShell = "/bin/sh";
          coreutils = ""; git = ""; openssh = "";
          stdenvNoCC.mkDerivation = arguments: arguments.configurePhase;
        };
      };
    in fetched`;
  const script = (await evaluated({ expression })) as string;
  return [...script.matchAll(/tar -xzf (\{.*?\}) -C/g)].map(([, json = '']) => JSON.parse(json) as Archive);
}

describe('the package for nixpkgs', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nixfleet-package-'));
  });
  after(async () => {
    execFileSync('chmod', ['-R', 'u+w', folder]);
    await rm(folder, { recursive: true });
  });

  test('fetches what the lockfile pins and the bundle needs, by its hash', async () => {
    const lock = JSON.parse(await readFile(join(repositoryRoot, 'package-lock.json'), 'utf8')) as {
      packages: Record<string, LockEntry>;
    };
    const archives = await archivesOf('aarch64-linux');
    const urls = archives.map(({ url }) => url);
    assert.ok(urls.includes('https://registry.npmjs.org/@esbuild/linux-arm64/-/linux-arm64-0.28.2.tgz'));
    assert.ok(!urls.some((url) => /linux-x64|typescript|biome|playwright|node-linux/.test(url)));
    const byHash = new Map(Object.values(lock.packages).map((entry) => [entry.integrity, entry]));
    for (const { url, hash } of archives) assert.ok(url.endsWith(`-${byHash.get(hash)?.version}.tgz`), url);
    const wanted = Object.entries(lock.packages).filter(([, { integrity, dev, optional }]) => {
      return integrity !== undefined && !dev && !optional;
    });
    // The bundler and its program for this platform are the two that only development needs.
    assert.equal(archives.length, wanted.length + 2);
    const other = archivesOf('riscv64-linux');
    await assert.rejects(other, /riscv64-linux is not built for; known are aarch64-darwin, aarch64-linux/);
  });

  test('builds the program, which needs no Node, loader or npm of the machine', async () => {
    const archives = join(folder, 'archives');
    await mkdir(archives);
    const system = (await evaluated({ expression: 'builtins.currentSystem' })) as string;
    for (const { name, url } of await archivesOf(system)) {
      const [, npmName = ''] = /registry\.npmjs\.org\/(.*)\/-\//.exec(url) ?? [];
      const places = [`node_modules/${npmName}`, `node_modules/ajv/node_modules/${npmName}`];
      const version = name.replace(/^.*?-(?=\d+\.\d+\.\d+)/, '').replace('.tgz', '');
      const place = places.find((at) => {
        const shown = spawnSync('grep', ['-q', `"version": "${version}"`, join(repositoryRoot, at, 'package.json')]);
        return shown.status === 0;
      });
      assert.ok(place !== undefined, `${name} is not in node_modules`);
      const tar = [
        '-czhf',
        join(archives, name),
        '--exclude',
        './node_modules',
        '-C',
        join(repositoryRoot, place),
        '.',
      ];
      execFileSync('tar', tar);
    }
    const node = dirname(dirname(process.execPath));
    const { storePath, path } = buildInto(
      join(folder, 'store'),
      `import ./nix/package.nix {
        pkgs = import ./tests/nix/package/packages.nix {
          archives = builtins.path { path = ${archives}; };
          node = builtins.path {
            name = "node";
            path = ${node};
            filter = path: _: builtins.elem path [ "${node}/bin" "${node}/bin/node" ];
          };
        };
      }`,
    );
    const launcher = await readFile(join(path, 'bin/nixfleet'), 'utf8');
    assert.match(launcher, /NIXFLEET_NODE=\$\{NIXFLEET_NODE:-\/nix\/store\/[a-z0-9]{32}-node\/bin\/node\}/);
    assert.match(launcher, new RegExp(`exec /bin/sh ${storePath}/lib/nixfleet/nixfleet "\\$@"`));
    for (const entry of await readdir(path, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const file = await open(join(entry.parentPath, entry.name));
      const { buffer } = await file.read(Buffer.alloc(4), 0, 4, 0);
      await file.close();
      assert.notEqual(buffer.toString('latin1'), '\x7fELF', `${entry.name} would look for a loader`);
    }
  });
});
