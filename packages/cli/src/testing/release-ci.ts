import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { nodeCrypto } from '@nixfleet/contracts/node-crypto';
import { systemRandom } from '@nixfleet/contracts/node-random';
import { newKey } from '@nixfleet/release';
import { type Finished, runNixfleet } from './run-nixfleet.ts';

export const exec = promisify(execFile);
const nixHalf = join(import.meta.dirname, '..', '..', '..', '..', 'nix');

/** Two hosts of one channel, built by the stand-in for NixOS; `versions.json` says what each runs. */
const fleetNix = `
let
  nixfleet = import ${nixHalf};
  versions = builtins.fromJSON (builtins.readFile ./versions.json);
  host = name: pubkey: {
    system = "x86_64-linux";
    channel = "stable";
    pubkeys = [ pubkey ];
    configuration.config.system.build.toplevel =
      if versions.\${name} == "broken" then
        derivation {
          name = "nixos-system-\${name}";
          system = "x86_64-linux";
          builder = "/bin/sh";
          args = [ "-c" "echo compiling; echo undefined reference to main >&2; exit 3" ];
        }
      else
        nixfleet.testing.toplevel { inherit name; system = "x86_64-linux"; version = versions.\${name}; };
  };
  keys = builtins.fromJSON (builtins.readFile ./keys.json);
  # What the module of compliance would say of the hosts, and the channel's policy; where a test has them.
  gate = if builtins.pathExists ./gate.json then builtins.fromJSON (builtins.readFile ./gate.json) else { };
in
nixfleet.mkFleet {
  name = "acme";
  hosts = builtins.mapAttrs host keys;
  channels.stable.rolloutPolicy = "all-at-once";
  channels.stable.compliance = gate.policy or null;
  rolloutPolicies.all-at-once.waves = [ ];
}
// (if gate ? hosts then { compliance = gate.hosts; complianceWith = _: gate.hosts; } else { })
`;

let root = '';
export const at = (name: string): string => join(root, name);
const keyNames = [
  'root',
  'root-2',
  'ci',
  'head',
  'approver',
  'approver-2',
  'cp',
  'spare',
  'host-a',
  'host-b',
  'stranger',
];

export async function nixfleet(...args: readonly string[]): Promise<Finished> {
  return runNixfleet(args, { cwd: at('source'), environment: { HOME: root } });
}

/** Ends with 0; what it printed. */
export async function succeeds(...args: readonly string[]): Promise<Finished> {
  const finished = await nixfleet(...args);
  assert.equal(finished.code, 0, finished.stderr);
  return finished;
}

/** Ends with `code`, the last line of standard error matches, and nothing was published. */
export async function fails(code: number, line: RegExp, ...args: readonly string[]): Promise<Finished> {
  const before = await tip();
  const finished = await nixfleet(...args);
  assert.equal(finished.code, code, finished.stderr);
  assert.match(finished.stderr.trimEnd().split('\n').at(-1) ?? '', line);
  assert.doesNotMatch(finished.stderr, /^\s+at .*\.ts:/m, 'a stack');
  assert.equal(await tip(), before, 'the branch moved');
  return finished;
}

export const forge = () => `${at('forge.git')}#releases`;
export const placed = () => ['--releases', forge(), '--trust', at('trust-1.json')];

export async function tip(): Promise<string> {
  return exec('git', ['-C', at('forge.git'), 'rev-parse', 'releases']).then(
    ({ stdout }) => stdout.trim(),
    () => 'no branch',
  );
}

export async function published(path: string): Promise<Record<string, unknown>> {
  const { stdout } = await exec('git', ['-C', at('forge.git'), 'show', `releases:${path}`]);
  return JSON.parse(stdout) as Record<string, unknown>;
}

export async function commit(versions?: Record<string, string>): Promise<void> {
  if (versions) await writeFile(at('source/versions.json'), JSON.stringify(versions));
  const git = ['-C', at('source'), '-c', 'user.name=ada', '-c', 'user.email=ada@example.org'];
  await exec('git', [...git, 'add', '--all']);
  await exec('git', [...git, 'commit', '--quiet', '--allow-empty', '-m', 'change']);
}

const nixOptions = [
  'sandbox=false',
  'build-users-group=',
  'substituters=',
  // A chroot store may not look outside: what /bin/sh needs is shown to builders.
  'sandbox-paths=/bin /lib /lib64 /usr',
].flatMap((option) => ['--nix-option', option]);
export const built = () => ['--store', at('store'), '--roots', at('roots'), ...nixOptions];
export const pushed = () => ['--push-to', `file://${at('cache')}?secret-key=${at('cache.secret')}&compression=none`];
export const signed = () => ['--release-key', at('ci.pem'), '--head-key', at('head.pem')];
export const release = (...more: readonly string[]) => [
  'release',
  ...placed(),
  ...built(),
  ...pushed(),
  ...signed(),
  ...more,
];

export const declared = () => [
  ...['root', 'ci', 'head', 'approver', 'approver-2'].flatMap((name) => ['--signer', `${name}=${at(`${name}.pem`)}`]),
  ...['root=1:root', 'release=1:ci', 'head=1:head', 'approver=1:approver,approver-2', 'emergency=2'].flatMap((role) => [
    '--role',
    role,
  ]),
  ...['--cache-key', at('cache.public'), '--control-plane-key', at('cp.pem')],
  ...['--spare-control-plane-key', at('spare.pem')],
];

/** A source, a forge, a cache and keys in a folder of their own. */
export async function openCi(): Promise<void> {
  root = await mkdtemp(join(tmpdir(), 'nixfleet-cli-release-'));
  await mkdir(at('source'));
  await mkdir(at('cache'));
  await exec('git', ['init', '--quiet', '--bare', at('forge.git')]);
  await exec('git', ['init', '--quiet', '--initial-branch=main', at('source')]);
  await exec('nix-store', ['--generate-binary-cache-key', 'cache-1', at('cache.secret'), at('cache.public')]);
  const options = { algorithm: 'ed25519', crypto: nodeCrypto, random: systemRandom } as const;
  const keys = await Promise.all(keyNames.map((name) => newKey({ ...options, path: at(`${name}.pem`) })));
  const line = (name: string) => keys[keyNames.indexOf(name)]?.openssh;
  await writeFile(at('source/keys.json'), JSON.stringify({ 'web-1': line('host-a'), 'web-2': line('host-b') }));
  await writeFile(at('source/fleet.nix'), fleetNix);
  await commit({ 'web-1': '1.0', 'web-2': '1.0' });
}

export async function closeCi(): Promise<void> {
  await exec('chmod', ['-R', 'u+w', root]);
  await rm(root, { recursive: true, force: true });
}
