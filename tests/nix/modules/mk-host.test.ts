import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { evaluate, evaluated } from '../nix.ts';
import { nixpkgsLib, withoutNixpkgsLib } from '../nixpkgs-lib.ts';
import { type Bench, openBench } from './machine.ts';

describe('mkHost', { skip: withoutNixpkgsLib }, () => {
  let bench: Bench;
  before(async () => {
    bench = await openBench();
  });
  after(() => bench[Symbol.asyncDispose]());

  /** `shown` of the host with these arguments, as `host.config` and `config`. */
  const expressionOf = (args: string, shown: string): string => `
    let
      lib = import ${nixpkgsLib};
      packages = import ${import.meta.dirname}/packages.nix;
      mkHost = (import ./.).lib.mkHostWith {
        nixpkgs.lib.nixosSystem = import ${import.meta.dirname}/nixos-system.nix { inherit lib; };
        nix-darwin.lib.darwinSystem = import ${import.meta.dirname}/darwin-system.nix { inherit lib; };
        inputs.ours = "of the framework";
      };
      host = mkHost ({ hostName = "web-1"; platform = "x86_64-linux"; } // ${args});
      inherit (host) config;
    in ${shown}`;
  const host = (args: string, shown: string): Promise<unknown> => evaluated({ expression: expressionOf(args, shown) });

  test('makes a stock system of a few words', async () => {
    const spec =
      '{ timeZone = "Europe/Paris"; rootSshKeys = [ "ssh-ed25519 AAAA" ]; networking.interface = "enp1s0"; }';
    assert.deepEqual(
      await host(
        `{ hostSpec = ${spec}; }`,
        `{
          inherit (config.networking) hostName;
          inherit (config.time) timeZone;
          inherit (config.system) stateVersion;
          platform = config.nixpkgs.hostPlatform;
          root = config.users.users.root.openssh.authorizedKeys.keys;
          dhcp = config.networking.interfaces.enp1s0.useDHCP;
          services = builtins.attrNames config.systemd.services;
          toplevel = config.system.build.toplevel;
          extends = host ? extendModules;
        }`,
      ),
      {
        hostName: 'web-1',
        timeZone: 'Europe/Paris',
        stateVersion: '25.11',
        platform: 'x86_64-linux',
        root: ['ssh-ed25519 AAAA'],
        dhcp: true,
        services: [],
        toplevel: 'the system of web-1',
        extends: true,
      },
    );
  });

  test('what it says by default, modules may say otherwise; the name they may not', async () => {
    const own =
      'modules = [ { hostSpec.locale = "fr_FR.UTF-8"; console.keyMap = "fr"; system.stateVersion = "24.05"; } ];';
    assert.deepEqual(
      await host(
        `{ hostSpec.locale = "de_DE.UTF-8"; ${own} }`,
        '[ config.i18n.defaultLocale config.console.keyMap config.system.stateVersion ]',
      ),
      ['fr_FR.UTF-8', 'fr', '24.05'],
    );
    const renamed = await evaluate({
      expression: expressionOf('{ modules = [ { hostSpec.hostName = "web-2"; } ]; }', 'config.networking.hostName'),
    });
    assert.ok(!renamed.ok);
    assert.match(renamed.message, /hostSpec\.hostName' has conflicting definition values/);
  });

  test("inputs of the framework win over a host's extra ones", async () => {
    const module =
      'modules = [ ({ inputs, ... }: { networking.hostName = lib.mkForce (toString (builtins.attrValues inputs)); }) ];';
    const args = `{ extraInputs = { ours = "of the host"; theirs = "extra"; }; ${module} }`;
    assert.equal(await host(args, 'config.networking.hostName'), 'of the framework extra');
  });

  test('a guest of QEMU has its disk and its network', async () => {
    assert.deepEqual(
      await host(
        '{ isVm = true; modules = [ { networking.useDHCP = false; } ]; }',
        '{ root = config.fileSystems."/".device; dhcp = config.networking.useDHCP; }',
      ),
      { root: '/dev/disk/by-label/nixos', dhcp: true },
    );
  });

  test('a Mac is built with nix-darwin', async () => {
    const operator = `modules = [ {
      nixfleet.package = packages.nixfleet;
      nixfleet.trust.document = ${bench.trust};
      nixfleet.operator.enable = true;
    } ];`;
    const shown = `{
      inherit (config.hostSpec) home isDarwin;
      inherit (config.networking) hostName;
      packages = map (package: package.name) config.environment.systemPackages;
      settings = (builtins.fromJSON config.environment.etc."nixfleet/config.json".text).fleet;
      refused = lib.filter (entry: !entry.assertion) config.assertions;
    }`;
    assert.deepEqual(await host(`{ platform = "aarch64-darwin"; hostSpec.userName = "ada"; ${operator} }`, shown), {
      home: ['', 'Users', 'ada'].join('/'),
      isDarwin: true,
      hostName: 'web-1',
      packages: ['nixfleet'],
      settings: 'acme',
      refused: [],
    });
  });

  test('a Mac without nix-darwin, and a guest that is a Mac, are refused by name', async () => {
    const bare = `((import ./.).lib.mkHostWith { nixpkgs = { }; }) { hostName = "mac-1"; platform = "aarch64-darwin"; }`;
    const without = await evaluate({ expression: bare });
    assert.deepEqual(without, {
      ok: false,
      message: 'mkHost mac-1: aarch64-darwin is built with nix-darwin: pass extraInputs.nix-darwin',
    });
    const guest = await evaluate({ expression: expressionOf('{ platform = "aarch64-darwin"; isVm = true; }', 'host') });
    assert.deepEqual(guest, { ok: false, message: 'mkHost web-1: isVm is for NixOS' });
  });
});
