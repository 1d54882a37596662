import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { parseControlPlaneConfig } from '@nixfleet/control-plane';
import { nixfleet } from '../../loop/harness/nixfleet-command.ts';
import { withoutNixpkgsLib } from '../nixpkgs-lib.ts';
import { type Bench, openBench, serviceOf, settingsOf } from './machine.ts';

const nixfleetProgram = /^\/nix\/store\/a{32}-nixfleet\/bin\/nixfleet /;

describe('modules for NixOS', { skip: withoutNixpkgsLib }, () => {
  let bench: Bench;
  before(async () => {
    bench = await openBench();
  });
  after(() => bench[Symbol.asyncDispose]());

  const controlPlane = (more = ''): string => `{
    nixfleet.trust.document = ${bench.trust};
    services.nixfleet-control-plane = {
      enable = true;
      tlsKeyFile = "/run/secrets/cp.pem";
      release.url = "git@git.example.org:fleet.git";
      ${more}
    };
  }`;
  const release = (more = ''): string => `{
    nixfleet.trust.document = ${bench.trust};
    services.nixfleet-release = {
      enable = true;
      releases = "git@git.example.org:fleet.git#releases";
      ${more}
    };
  }`;
  const refusals = async (module: string): Promise<readonly string[]> => (await bench.machine(module)).refused;

  test('everything is off until enabled', async () => {
    const { services, timers, users, etc, packages, refused, warnings } = await bench.machine('{ }');
    assert.deepEqual(
      { services, timers, users, etc, packages, refused, warnings },
      { services: {}, timers: {}, users: [], etc: {}, packages: [], refused: [], warnings: [] },
    );
  });

  test('everything at once is no contradiction', async () => {
    const { refused, services } = await bench.machine(`{
      imports = [ ${controlPlane()} ${release('headKeyFile = "/run/secrets/head.pem";')} ];
      services.nixfleet-cache = { enable = true; urls = [ "https://cache.example.org" ]; };
      services.nixfleet-cache-server.enable = true;
      nixfleet.operator.enable = true;
      nixfleet.persistence.enable = true;
      nixfleet.core.enable = true;
      hostSpec.hostName = "all-1";
    }`);
    assert.deepEqual(refused, []);
    assert.deepEqual(Object.keys(services).sort(), [
      'nixfleet-control-plane',
      'nixfleet-head-sign',
      'nixfleet-head-sign-first-use',
    ]);
  });

  test('systemd takes every unit as it is', async () => {
    const { units } = await bench.machine(`{
      imports = [ ${controlPlane('listen.port = 443;')} ${release('headKeyFile = "/h"; gitIdentityFile = "/g";')} (import ./.).scopes.keyslots.tpm ];
      services.nixfleet-agent = { enable = true; controlPlanes = [ "https://control.example.org" ]; };
      nixfleet.keyslots.tpm = { enable = true; keys.release.handle = "0x81010010"; };
    }`);
    assert.equal(Object.keys(units).length, 6);
    const files: string[] = [];
    for (const [name, text] of Object.entries(units)) {
      files.push(join(bench.directory, `${name}.service`));
      // The program is not there, and its environment is NixOS's to quote.
      const stood = text.replace(/^ExecStart=\S+/m, 'ExecStart=/bin/true').replace(/^Environment=.*$/gm, '');
      await writeFile(files.at(-1) ?? '', stood);
    }
    const verified = spawnSync('systemd-analyze', ['verify', '--man=no', ...files], { encoding: 'utf8' });
    // It reads the units of this machine too, and says what it thinks of those.
    const ours = verified.stderr.split('\n').filter((line) => line.includes('nixfleet'));
    assert.deepEqual(ours, []);
  });

  describe('the control plane', () => {
    test('writes settings that the control plane takes', async () => {
      const machine = await bench.machine(
        controlPlane(
          'release.identityFile = "/run/secrets/deploy"; release.path = "releases"; limits.connectionsMax = 99;',
        ),
      );
      const config = parseControlPlaneConfig(settingsOf(machine, 'nixfleet/control-plane.json'));
      assert.equal(config.trust, '/etc/nixfleet/trust.json');
      assert.equal(config.tlsKey, '/run/credentials/nixfleet-control-plane.service/tls-key');
      assert.deepEqual(config.release, {
        kind: 'git',
        url: 'git@git.example.org:fleet.git',
        branch: 'releases',
        path: 'releases',
        identityFile: '/run/credentials/nixfleet-control-plane.service/git-identity',
      });
      assert.equal(config.limits.connectionsMax, 99);
    });

    test('gets its secrets as credentials, and is shut in', async () => {
      const machine = await bench.machine(controlPlane('release.identityFile = "/run/secrets/deploy";'));
      const { serviceConfig, restartTriggers } = serviceOf(machine, 'nixfleet-control-plane');
      assert.deepEqual(serviceConfig.LoadCredential, [
        'tls-key:/run/secrets/cp.pem',
        'git-identity:/run/secrets/deploy',
      ]);
      assert.match(String(serviceConfig.ExecStart), nixfleetProgram);
      assert.equal(serviceConfig.User, 'nixfleet-control-plane');
      assert.equal(serviceConfig.ProtectSystem, 'strict');
      assert.equal(serviceConfig.CapabilityBoundingSet, '');
      assert.equal(serviceConfig.AmbientCapabilities, undefined);
      assert.ok(!JSON.stringify(machine.etc).includes('/run/secrets'));
      assert.equal(restartTriggers?.length, 2);
      assert.deepEqual(machine.firewall, []);
      assert.match(machine.warnings.join(), /the firewall keeps port 8443 closed: set openFirewall/);
    });

    test('shares a database, whose password is a credential too', async () => {
      const database =
        'database = { url = "postgres://nixfleet@db.example.org/nixfleet"; passwordFile = "/run/secrets/db"; };';
      const machine = await bench.machine(controlPlane(database));
      assert.deepEqual(machine.refused, []);
      const config = parseControlPlaneConfig(settingsOf(machine, 'nixfleet/control-plane.json'));
      assert.deepEqual(config.database, {
        url: 'postgres://nixfleet@db.example.org/nixfleet',
        passwordFile: '/run/credentials/nixfleet-control-plane.service/database-password',
      });
      const { serviceConfig } = serviceOf(machine, 'nixfleet-control-plane');
      assert.deepEqual(serviceConfig.LoadCredential, [
        'tls-key:/run/secrets/cp.pem',
        'database-password:/run/secrets/db',
      ]);
      assert.ok(!JSON.stringify(machine.etc).includes('/run/secrets'));
      const withPassword = 'database.url = "postgres://nixfleet:secret@db/nixfleet";';
      assert.match((await refusals(controlPlane(withPassword))).join(), /database.url holds a password/);
      assert.match((await refusals(controlPlane('database.passwordFile = "/p";'))).join(), /set database.url too/);
    });

    test('takes a port below 1024 with that one capability, and opens the firewall when told', async () => {
      const machine = await bench.machine(controlPlane('listen.port = 443; openFirewall = true;'));
      const { serviceConfig } = serviceOf(machine, 'nixfleet-control-plane');
      assert.deepEqual(serviceConfig.AmbientCapabilities, ['CAP_NET_BIND_SERVICE']);
      assert.deepEqual(machine.firewall, [443]);
      assert.deepEqual(machine.warnings, []);
    });

    test('says what it lacks', async () => {
      assert.deepEqual(
        (await refusals('{ services.nixfleet-control-plane.enable = true; }')).map((line) => line.split(/[:;]/)[0]),
        [
          'services.nixfleet-control-plane needs a trust document to start from',
          'services.nixfleet-control-plane.tlsKeyFile is not set',
          'services.nixfleet-control-plane.release of kind git needs url',
        ],
      );
      const inStoreKey = 'services.nixfleet-control-plane.tlsKeyFile = lib.mkForce "${builtins.storeDir}/x-key.pem";';
      const [inStore] = await refusals(`{ imports = [ ${controlPlane()} ]; ${inStoreKey} }`);
      assert.match(
        inStore ?? '',
        /tlsKeyFile is in the Nix store, which everybody can read: give the path, as a string/,
      );
      const mixed = 'release.kind = "https"; release.branch = "main";';
      assert.match((await refusals(controlPlane(mixed))).join(), /are for kind git; leave them out for https/);
    });
  });

  describe('head signing', () => {
    test('hands the key over as a credential, hourly, with floors that stay', async () => {
      const machine = await bench.machine(release('headKeyFile = "/run/secrets/head.pem";'));
      const { serviceConfig } = serviceOf(machine, 'nixfleet-head-sign');
      assert.equal(
        String(serviceConfig.ExecStart).replace(nixfleetProgram, ''),
        'head sign --head-key "%d/head-key" --trust /etc/nixfleet/trust.json ' +
          '--releases "git@git.example.org:fleet.git#releases" --floors /var/lib/nixfleet-release/floors.json --head-life 1d',
      );
      assert.deepEqual(serviceConfig.LoadCredential, ['head-key:/run/secrets/head.pem']);
      assert.equal(serviceConfig.PrivateDevices, true);
      assert.equal(machine.timers['nixfleet-head-sign']?.timerConfig.OnCalendar, 'hourly');
      assert.match(String(serviceOf(machine, 'nixfleet-head-sign-first-use').serviceConfig.ExecStart), / --first-use$/);
    });

    test('hands a hook to the program as it was written, and lets it at the TPM when told', async () => {
      const hook = `headKeyHook = { publicKey = ./flake.nix; command = "sign 50% \\"$NIXFLEET_INPUT\\""; }; tpm = true;`;
      const machine = await bench.machine(release(hook));
      const { serviceConfig } = serviceOf(machine, 'nixfleet-head-sign');
      // systemd turns %% into % and $$ into $ (systemd.service(5), "Command lines").
      assert.ok(String(serviceConfig.ExecStart).includes(String.raw`flake.nix:sign 50%% \"$$NIXFLEET_INPUT\""`));
      assert.deepEqual(serviceConfig.DeviceAllow, ['/dev/tpmrm0 rw']);
      assert.deepEqual(serviceConfig.SupplementaryGroups, ['tss']);
      assert.equal(serviceConfig.PrivateDevices, false);
    });

    test('pushes with the key and host keys that it was given', async () => {
      const machine = await bench.machine(
        release('headKeyFile = "/h"; gitIdentityFile = "/run/secrets/push"; knownHostsFile = "/etc/forge-keys";'),
      );
      const { environment, serviceConfig } = serviceOf(machine, 'nixfleet-head-sign');
      assert.match(
        environment?.GIT_SSH_COMMAND ?? '',
        /IdentityFile="\$CREDENTIALS_DIRECTORY\/git-identity".*forge-keys/,
      );
      assert.deepEqual(serviceConfig.LoadCredential, ['head-key:/h', 'git-identity:/run/secrets/push']);
    });

    test('says what it lacks', async () => {
      const lines = (await refusals('{ services.nixfleet-release.enable = true; }')).map(
        (line) => line.split(/[:;]/)[0],
      );
      assert.deepEqual(lines, [
        'services.nixfleet-release needs a trust document to start from',
        'services.nixfleet-release.releases is not set',
        'services.nixfleet-release signs with one key',
      ]);
      assert.match(
        (await refusals(release('headKeyFile = "/h"; tpm = true;'))).join(),
        /tpm is for a headKeyHook that uses the TPM/,
      );
    });
  });

  describe('the cache', () => {
    test('client: the keys are those of trust', async () => {
      const { nix } = await bench.machine(`{
        nixfleet.trust.document = ${bench.trust};
        services.nixfleet-cache = { enable = true; urls = [ "https://cache.example.org" ]; };
      }`);
      assert.deepEqual(nix, {
        substituters: ['https://cache.example.org'],
        'trusted-public-keys': bench.cacheKeys,
      });
    });

    test('client: says what it lacks', async () => {
      const lines = await refusals('{ services.nixfleet-cache.enable = true; }');
      assert.match(lines.join('\n'), /urls is empty: .*\n.*no key to check signatures with/);
    });

    test('server: a folder behind nginx, with no key', async () => {
      const { nginx, tmpfiles, firewall, services } = await bench.machine(`{
        services.nixfleet-cache-server = { enable = true; hostName = "cache.example.org"; user = "ci"; openFirewall = true; };
      }`);
      assert.equal(nginx.virtualHosts?.['cache.example.org']?.root, '/var/lib/nixfleet-cache');
      assert.deepEqual(tmpfiles, ['d /var/lib/nixfleet-cache 0755 ci - - -']);
      assert.deepEqual(firewall, [80, 443]);
      assert.deepEqual(services, {});
    });
  });

  describe('operators', () => {
    test('have settings that the command line takes', async () => {
      const machine = await bench.machine(`{
        nixfleet.trust.document = ${bench.trust};
        nixfleet.operator = { enable = true; controlPlanes = [ "https://cp.example.org:8443" ]; releases = "/srv/releases"; };
      }`);
      assert.deepEqual(machine.packages, ['nixfleet']);
      assert.equal(machine.variables.NIXFLEET_CONFIG, '/etc/nixfleet/config.json');
      const home = join(bench.directory, 'home');
      const file = join(bench.directory, 'config.json');
      await writeFile(file, machine.etc['nixfleet/config.json'] ?? '');
      const { stdout, exitCode } = await nixfleet(['config', 'show'], home, { NIXFLEET_CONFIG: file });
      assert.equal(exitCode, 0);
      assert.match(stdout, /https:\/\/cp\.example\.org:8443/);
      assert.ok(stdout.includes(join(home, '.ssh/id_ed25519')));
    });

    test('without trust are told how the control plane is recognised', async () => {
      const { warnings } = await bench.machine('{ nixfleet.operator.enable = true; }');
      assert.match(warnings.join(), /needs --trust or --pin/);
    });
  });

  describe('trust and persistence', () => {
    test('the document is in the closure', async () => {
      const { etc } = await bench.machine(`{ nixfleet.trust.document = ${bench.trust}; }`);
      assert.match(etc['nixfleet/trust.json'] ?? '', /trust-1\.json$/);
    });

    test("another fleet's document, and what is no trust document, are refused", async () => {
      const wrongFleet = `{ nixfleet.trust = { document = ${bench.trust}; fleet = "other"; }; }`;
      assert.match((await refusals(wrongFleet)).join(), /fleet is "other", but the trust document is of "acme"/);
      const other = join(bench.directory, 'other.json');
      await writeFile(other, '{"type":"head"}');
      assert.match((await refusals(`{ nixfleet.trust.document = ${other}; }`)).join(), /not a trust document/);
    });

    test('each service says what must survive a wiped root', async () => {
      const { persistence } = await bench.machine(`{
        imports = [ ${controlPlane()} ${release('headKeyFile = "/h";')} ];
        nixfleet.persistence.enable = true;
      }`);
      const text = JSON.stringify(persistence.directories);
      for (const directory of ['/var/lib/nixfleet-control-plane', '/var/lib/nixfleet-release', '/var/log']) {
        assert.ok(text.includes(`"${directory}"`), directory);
      }
      assert.deepEqual(persistence.files, ['/etc/machine-id']);
    });
  });
});
