import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { type Finished, runNixfleet } from './testing/run-nixfleet.ts';

const exec = promisify(execFile);
const web = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMRxmvp2+kSLXsqZ5nNohYRlAdF5VvL8st5ckW1yPzqH';
const database = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGgVDPxFvWKnoWa7ZwsKca4SPs4j7s3+YKrwqE4Ly3A9';

let folder = '';
const at = (name: string): string => join(folder, name);
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nixfleet-adopt-'));
  await mkdir(at('.ssh'));
  await writeFile(
    at('.ssh/known_hosts'),
    `10.0.0.7 ${web}\n@revoked db.example.org ${web}\ndb.example.org ${database}\n`,
  );
  // As most distributions keep them: names hashed.
  await exec('ssh-keygen', ['-H', '-f', at('.ssh/known_hosts')]);
});
after(() => rm(folder, { recursive: true, force: true }));

const nixfleet = (...args: readonly string[]): Promise<Finished> =>
  runNixfleet(args, {
    cwd: folder,
    environment: { HOME: folder, NIX_CONFIG: process.env.NIX_CONFIG ?? '', NIX_REMOTE: process.env.NIX_REMOTE ?? '' },
  });
const adopt = (name: string, ...more: readonly string[]): Promise<Finished> =>
  nixfleet('adopt', name, '--control-plane', 'https://cp.example.org', '--cache', 'https://c.example.org', ...more);
async function repository(name: string, files: Readonly<Record<string, string>>): Promise<void> {
  await mkdir(at(name));
  for (const [path, text] of Object.entries(files)) await writeFile(at(`${name}/${path}`), text);
}

test('a colmena hive: names, tags and addresses, without evaluating a node', async () => {
  await repository('hive', {
    'hive.nix': `{
      meta.nixpkgs = throw "nixpkgs was evaluated";
      defaults = { pkgs, ... }: throw "defaults were evaluated";
      web-1 = { deployment = { targetHost = "10.0.0.7"; tags = [ "web" "EU" ]; }; imports = throw "imports were evaluated"; };
      "db.example.org" = { deployment.tags = [ ]; };
      fn-1 = { pkgs, ... }: throw "a node was evaluated";
    }`,
    '.gitignore': 'result',
  });
  const { code, stdout, stderr } = await adopt('hive');
  assert.equal(code, 0, stderr);
  assert.match(stdout, /adopted 1 host of hive\.nix/);
  assert.match(stdout, /left out: db\.example\.org is no host name here/);
  assert.match(stdout, /no key of fn-1 in .*known_hosts: nixfleet host add fn-1 --ssh fn-1/);
  assert.match(stdout, /web-1: tags that are no names here are left out/);
  const declared = await readFile(at('hive/hosts/web-1/default.nix'), 'utf8');
  assert.ok(declared.includes('tags = [ "web" ];') && declared.includes(`"${web}"`), declared);
  assert.equal(await readFile(at('hive/.gitignore'), 'utf8'), 'result\n# Private keys of the fleet.\n/keys/\n');
  assert.match((await nixfleet('check', 'hive')).stdout, /1 host: nothing wrong/);
  const again = await adopt('hive');
  assert.equal(again.code, 1);
  assert.match(again.stderr, /has fleet\.nix, hosts, trust, keys already: nothing was written/);
});

test('what the hive could not say is added as it advised; the channel observes', async () => {
  const added = await nixfleet('host', 'add', 'fn-1', '--repository', 'hive', '--pubkey', database);
  assert.equal(added.code, 0, added.stderr);
  assert.deepEqual(await readdir(at('hive/hosts/fn-1')), ['default.nix']);
  const shown = await exec('nix-instantiate', [
    ...['--eval', '--strict', '--json', '--expr'],
    `let nixfleet = import ${join(import.meta.dirname, '../../../nix')};
     in (import ${at('hive/fleet.nix')} { inherit (nixfleet) mkFleet; systems = throw "a system was evaluated"; }).resolved.channels.adopted.policy.mode`,
  ]);
  assert.equal(JSON.parse(shown.stdout), 'observe');
});

test('deploy-rs and a plain flake, found in this order or by --from', async () => {
  const flake = `{
    outputs = _: {
      deploy.nodes.db-1.hostname = "db.example.org";
      nixosConfigurations.web-1 = throw "a system was evaluated";
    };
  }`;
  await repository('deployed', { 'flake.nix': flake });
  const { code, stdout, stderr } = await adopt('deployed');
  assert.equal(code, 0, stderr);
  assert.match(stdout, /adopted 1 host of \.#deploy\.nodes/);
  assert.ok((await readFile(at('deployed/hosts/db-1/default.nix'), 'utf8')).includes(database));
  assert.match(await readFile(at('deployed/fleet.nix'), 'utf8'), /systems = self\.nixosConfigurations;/);

  await repository('plain', { 'flake.nix': flake });
  const plain = await adopt('plain', '--from', 'flake');
  assert.equal(plain.code, 0, plain.stderr);
  assert.match(plain.stdout, /adopted 0 hosts of \.#nixosConfigurations.*\n.*no key of web-1/);
});

test('each host has its own system, where it is not that of all', async () => {
  const hive = 'web-1 = { deployment.targetHost = "10.0.0.7"; }; pi-1 = { deployment.targetHost = "db.example.org"; };';
  await repository('mixed', { 'hive.nix': `{ ${hive} }` });
  const cases: readonly (readonly [RegExp, readonly string[]])[] = [
    [/--system: there is no host pi-2: found are pi-1, web-1/, ['--system', 'pi-2=aarch64-linux']],
    [/--system: pi-1 twice/, ['--system', 'pi-1=aarch64-linux', '--system', 'pi-1=x86_64-linux']],
    [
      /--system: x86_64-linux and aarch64-linux for all hosts/,
      ['--system', 'x86_64-linux', '--system', 'aarch64-linux'],
    ],
    [/--system/, ['--system', 'pi-1=arm']],
  ];
  for (const [line, options] of cases) {
    const refused = await adopt('mixed', ...options);
    assert.equal(refused.code, 2, refused.stdout);
    assert.match(refused.stderr, line);
  }
  assert.deepEqual(await readdir(at('mixed')), ['hive.nix']);
  const { code, stderr } = await adopt('mixed', '--system', 'x86_64-linux', '--system', 'pi-1=aarch64-linux');
  assert.equal(code, 0, stderr);
  const systemOf = async (name: string) =>
    /system = "(.*)";/.exec(await readFile(at(`mixed/hosts/${name}/default.nix`), 'utf8'))?.[1];
  assert.deepEqual([await systemOf('web-1'), await systemOf('pi-1')], ['x86_64-linux', 'aarch64-linux']);
});

test('a place with nothing to adopt, and what is missing, in one line', async () => {
  await mkdir(at('empty'));
  const cases: readonly (readonly [number, RegExp, Promise<Finished>])[] = [
    [1, /empty: hive\.nix: is not there: name the repository of a hive or a flake/, adopt('empty')],
    [1, /neither hive\.nix nor flake\.nix is here/, adopt('empty', '--from', 'deploy-rs')],
    [2, /--from 'morph': expected colmena, deploy-rs, flake/, adopt('empty', '--from', 'morph')],
    [2, /--control-plane: not given/, nixfleet('adopt', 'empty')],
  ];
  for (const [code, line, ran] of cases) {
    const finished = await ran;
    assert.equal(finished.code, code);
    assert.match(finished.stderr, line);
    assert.equal(finished.stderr.trimEnd().split('\n').length, 1, finished.stderr);
  }
  assert.deepEqual(await readdir(at('empty')), []);
});
