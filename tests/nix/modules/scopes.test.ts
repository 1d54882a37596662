import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { withoutNixpkgsLib } from '../nixpkgs-lib.ts';
import { type Bench, openBench, serviceOf } from './machine.ts';

describe('scopes', { skip: withoutNixpkgsLib }, () => {
  let bench: Bench;
  before(async () => {
    bench = await openBench();
  });
  after(() => bench[Symbol.asyncDispose]());
  const scope = (path: string, config: string): string => `{ imports = [ (import ./.).scopes.${path} ]; ${config} }`;

  test('keyslots.tpm: a unit makes each key, a wrapper signs with it', async () => {
    const machine = await bench.machine(
      scope(
        'keyslots.tpm',
        `nixfleet.keyslots.tpm = {
        enable = true;
        keys.release.handle = "0x81010010";
        keys.head = { handle = "0x81010011"; pcrs = [ 0 7 ]; };
      };`,
      ),
    );
    assert.deepEqual(machine.refused, []);
    assert.deepEqual([...machine.packages].sort(), ['tpm-sign-head', 'tpm-sign-release']);
    const { serviceConfig } = serviceOf(machine, 'nixfleet-tpm-keyslot-head');
    assert.match(String(serviceConfig.ExecStart), /provision 0x81010011 \/var\/lib\/nixfleet-tpm\/head sha256:0,7$/);
    assert.deepEqual(serviceConfig.DeviceAllow, ['/dev/tpmrm0 rw']);
    assert.equal(serviceConfig.ProtectSystem, 'strict');
    assert.deepEqual(machine.persistence.directories, ['/var/lib/nixfleet-tpm']);
  });

  test('keyslots.tpm: two keys at one handle, and none at all, are refused', async () => {
    const keys = 'keys.a.handle = "0x8101001a"; keys.b.handle = "0x8101001A";';
    const { refused } = await bench.machine(
      scope('keyslots.tpm', `nixfleet.keyslots.tpm = { enable = true; ${keys} };`),
    );
    assert.match(refused.join(), /two keys share a handle/);
    const none = await bench.machine(scope('keyslots.tpm', 'nixfleet.keyslots.tpm.enable = true;'));
    assert.match(none.refused.join(), /keys is empty: name a key and its handle/);
  });

  test('secrets: identities in order, and a host key that is there before sshd', async () => {
    const machine = await bench.machine(
      scope(
        'secrets',
        `nixfleet.secrets = { enable = true; identityPaths.extra = [ "/run/keys/recovery" ]; };
        time.timeZone = lib.concatStringsSep ":" config.nixfleet.secrets.resolvedIdentityPaths;
        networking.hostName = config.time.timeZone;`,
      ),
    );
    assert.equal(machine.hostName, '/etc/ssh/ssh_host_ed25519_key:/run/keys/recovery');
    assert.deepEqual(machine.persistence.files, ['/etc/ssh/ssh_host_ed25519_key', '/etc/ssh/ssh_host_ed25519_key.pub']);
    assert.match(
      String(serviceOf(machine, 'nixfleet-host-key').serviceConfig.ExecStart),
      /ssh-keygen -q -t ed25519 -N ""/,
    );
  });

  describe('persistence.impermanence', () => {
    const wiped = 'nixfleet.persistence.enable = true; boot.initrd.systemd.enable = true;';
    const impermanence = `{ options.environment.persistence = lib.mkOption { type = lib.types.anything; default = { }; }; }`;

    test('hands the contract to impermanence, and puts the root aside in the initrd', async () => {
      const machine = await bench.machine(`{
        imports = [ (import ./.).scopes.persistence.impermanence ${impermanence} ];
        ${wiped}
        services.nixfleet-cache-server.enable = true;
        networking.hostName = builtins.toJSON {
          kept = map (entry: entry.directory or entry) config.environment.persistence."/persist".directories;
          root = config.boot.initrd.systemd.services.nixfleet-fresh-root.environment;
          inherit (config.fileSystems."/persist") neededForBoot;
        };
        services.nixfleet-cache-server.hostName = "cache";
      }`);
      assert.deepEqual(machine.refused, []);
      const { kept, root, neededForBoot } = JSON.parse(machine.hostName) as Record<string, unknown> & {
        kept: string[];
      };
      assert.ok(kept.includes('/var/lib/nixfleet-cache'));
      assert.deepEqual(root, { ROOT_DEVICE: '/dev/disk/by-label/root', RETENTION_DAYS: '30' });
      assert.equal(neededForBoot, true);
    });

    test('without impermanence, or without systemd in the initrd, nothing would be kept: refused', async () => {
      const { refused } = await bench.machine(scope('persistence.impermanence', 'nixfleet.persistence.enable = true;'));
      assert.match(refused.join('\n'), /import inputs\.impermanence.*\n.*set boot\.initrd\.systemd\.enable = true/);
    });
  });
});
