import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { evaluated, type FlakeQuery, flakeChecked, flakeEvaluated, repositoryRoot } from '../nix.ts';

/** The flake, evaluated purely, with a stand-in for nixpkgs. */
describe('the flake', () => {
  let folder: string;
  let flake: FlakeQuery;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nixfleet-flake-'));
    const copy = join(folder, 'flake');
    const parts = ['flake.nix', 'default.nix', 'nix', 'package.json', 'package-lock.json', 'tests/nix/fixtures'];
    for (const part of [...parts, 'tests/nix/keys.nix']) {
      await cp(join(repositoryRoot, part), join(copy, part), { recursive: true });
    }
    const inputs = { nixpkgs: join(import.meta.dirname, 'nixpkgs') };
    flake = { folder: copy, store: join(folder, 'store'), inputs };
  });
  after(async () => {
    // Store paths are read-only, which holds for everybody but root.
    execFileSync('chmod', ['-R', 'u+w', folder]);
    await rm(folder, { recursive: true, force: true });
  });

  test('every output is what its name says', async () => {
    await flakeChecked(flake);
  });

  test('gives the same mkFleet', async () => {
    const apply = 'lib: (lib.mkFleet { name = "acme"; hosts = { }; }).resolved.fleet';
    assert.equal(await flakeEvaluated({ ...flake, attribute: 'lib', apply }), 'acme');
  });

  test('mkHost builds with the nixpkgs that the flake was given', async () => {
    const apply = `lib: let
      inherit (lib.mkHost {
        hostName = "web-1";
        platform = "x86_64-linux";
        modules = [ "mine" ];
        extraInputs.other = "input";
      }) arguments;
    in { inherit (arguments) specialArgs; last = builtins.elemAt arguments.modules (builtins.length arguments.modules - 1); }`;
    assert.deepEqual(await flakeEvaluated({ ...flake, attribute: 'lib', apply }), {
      specialArgs: { inputs: { other: 'input' } },
      last: 'mine',
    });
  });

  test('packages, apps and shells are there for every system', async () => {
    const names = 'builtins.mapAttrs (_: builtins.attrNames)';
    const systems = ['aarch64-darwin', 'aarch64-linux', 'x86_64-darwin', 'x86_64-linux'];
    const everywhere = (value: unknown): object => Object.fromEntries(systems.map((system) => [system, value]));
    assert.deepEqual(
      await flakeEvaluated({ ...flake, attribute: 'apps', apply: names }),
      everywhere(['default', 'demo', 'validate']),
    );
    assert.deepEqual(
      await flakeEvaluated({ ...flake, attribute: 'packages', apply: names }),
      everywhere(['default', 'nixfleet']),
    );
    assert.match(
      String(await flakeEvaluated({ ...flake, attribute: 'apps.x86_64-linux.default.program' })),
      /-nixfleet\/bin\/nixfleet$/,
    );
  });

  test('mkVmApps makes apps on Linux', async () => {
    const apps = (system: string): string => `lib.mkVmApps { pkgs = {
      stdenv.hostPlatform.isLinux = ${system.endsWith('linux')};
      runtimeShell = "/bin/sh"; coreutils = "/c"; git = "/g"; gnugrep = "/r"; nix = "/n"; openssh = "/o";
      writeScript = name: text: text;
    }; flake = "/it's here"; }`;
    const apply = `lib: { linux = builtins.mapAttrs (_: app: app.type + app.program) (${apps('x86_64-linux')}); mac = ${apps('aarch64-darwin')}; }`;
    const found = (await flakeEvaluated({ ...flake, attribute: 'lib', apply })) as Record<
      'linux' | 'mac',
      Record<string, string>
    >;
    assert.deepEqual(Object.keys(found.linux), ['build-vm', 'clean-vm', 'start-vm', 'stop-vm', 'test-vm']);
    assert.match(found.linux['start-vm'] ?? '', /^app#!\/bin\/sh\nexec #!\/bin\/sh\nPATH=\/c\/bin:\/g\/bin/);
    assert.ok(found.linux['start-vm']?.includes(String.raw`flake='/it'\''s here'`));
    assert.deepEqual(found.mac, {});
  });

  test('without flakes there are the same modules', async () => {
    const names = 'builtins.attrNames';
    assert.deepEqual(
      await flakeEvaluated({ ...flake, attribute: 'nixosModules', apply: names }),
      await evaluated({ expression: `${names} (import ./.).nixosModules` }),
    );
  });
});
