import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { nodeCrypto } from '@nixfleet/contracts/node-crypto';
import { nixfleet } from '../../loop/harness/nixfleet-command.ts';
import { until } from '../../loop/harness/until.ts';
import { repositoryRoot } from '../nix.ts';

const script = join(repositoryRoot, 'nix', 'scopes', 'keyslots', 'tpm-keyslot.sh');
const handle = '0x81010010';

/** The key slot of the scope keyslots.tpm against a software TPM 2.0. */
describe('a signing key in a TPM', () => {
  const folder = mkdtempSync(join(tmpdir(), 'nixfleet-tpm-'));
  const at = (name: string): string => join(folder, name);
  const environment = { PATH: process.env.PATH ?? '', TPM2TOOLS_TCTI: `swtpm:path=${at('socket')}` };
  let tpm: ChildProcess;

  const start = async (): Promise<void> => {
    mkdirSync(at('state'), { recursive: true });
    const args = ['socket', '--tpm2', '--tpmstate', `dir=${at('state')}`, '--flags', 'not-need-init,startup-clear'];
    args.push('--server', `type=unixio,path=${at('socket')}`, '--ctrl', `type=unixio,path=${at('socket.ctrl')}`);
    tpm = spawn('swtpm', args, { stdio: 'ignore' });
    await until('swtpm listens', () => existsSync(at('socket')) && existsSync(at('socket.ctrl')));
  };
  const stop = async (): Promise<void> => {
    const ended = new Promise((resolve) => tpm.once('exit', resolve));
    tpm.kill();
    await ended;
    for (const name of ['socket', 'socket.ctrl']) rmSync(at(name), { force: true });
  };
  before(start);
  after(async () => {
    await stop();
    rmSync(folder, { recursive: true });
  });

  const keyslot = (...args: readonly string[]) => spawnSync('/bin/sh', [script, ...args], { env: environment });
  const provisioned = (name: string, pcrs = 'none', slot = handle): Buffer => {
    const made = keyslot('provision', slot, at(name), pcrs);
    assert.equal(made.status, 0, made.stderr.toString());
    return readFileSync(join(at(name), 'pubkey.raw'));
  };
  const message = (): string => {
    writeFileSync(at('message'), 'a release');
    return at('message');
  };
  const verifies = (raw: Uint8Array, signature: Uint8Array): Promise<boolean> =>
    nodeCrypto.verify({ algorithm: 'ecdsa-p256', raw }, new TextEncoder().encode('a release'), signature);

  test('is made once, exported in both forms, and signs P-256', async () => {
    const raw = provisioned('key');
    assert.equal(raw.length, 64);
    const spki = execFileSync('openssl', ['pkey', '-pubin', '-in', join(at('key'), 'pubkey.pem'), '-outform', 'DER']);
    assert.deepEqual(spki.subarray(-64), raw);
    assert.deepEqual(provisioned('key'), raw, 'a second run made another key');
    // R and S are shorter than 32 bytes one time in 128 each: enough signatures to meet one that has to be padded.
    for (let round = 0; round < 8; round++) {
      const { stdout, status, stderr } = keyslot('sign', handle, 'none', message());
      assert.equal(status, 0, stderr.toString());
      assert.ok(await verifies(raw, new Uint8Array(stdout)));
    }
  });

  test('is exported again after the export was lost, and another one after the TPM was cleared', async () => {
    const before = provisioned('key');
    rmSync(at('key'), { recursive: true });
    assert.deepEqual(provisioned('key'), before);
    await stop();
    rmSync(at('state'), { recursive: true });
    await start();
    const another = provisioned('key');
    assert.notDeepEqual(another, before);
    const { stdout } = keyslot('sign', handle, 'none', message());
    assert.ok(await verifies(another, new Uint8Array(stdout)));
    assert.ok(!(await verifies(before, new Uint8Array(stdout))));
  });

  test('bound to registers, it signs only while they are as they were', async () => {
    const raw = provisioned('bound', 'sha256:16', '0x81010011');
    const signed = keyslot('sign', '0x81010011', 'sha256:16', message());
    assert.ok(await verifies(raw, new Uint8Array(signed.stdout)));
    execFileSync('tpm2_pcrextend', [`16:sha256=${'ab'.repeat(32)}`], { env: environment });
    const refused = keyslot('sign', '0x81010011', 'sha256:16', message());
    assert.notEqual(refused.status, 0);
    assert.equal(refused.stdout.length, 0);
    assert.notEqual(keyslot('sign', '0x81010011', 'none', message()).status, 0, 'it signed without its policy');
  });

  test('an object of another kind at the handle is left alone', () => {
    const primary = ['--hierarchy=o', '--key-algorithm=rsa2048', `--key-context=${at('rsa')}`];
    execFileSync('tpm2_createprimary', primary, { env: environment });
    execFileSync('tpm2_flushcontext', ['--transient-object'], { env: environment });
    execFileSync('tpm2_evictcontrol', ['--hierarchy=o', `--object-context=${at('rsa')}`, '0x81010012'], {
      env: environment,
    });
    execFileSync('tpm2_flushcontext', ['--transient-object'], { env: environment });
    const refused = keyslot('provision', '0x81010012', at('rsa-key'), 'none');
    assert.equal(refused.status, 1);
    assert.match(refused.stderr.toString(), /0x81010012 is no P-256 key: choose another handle/);
    assert.equal(keyslot('sign', handle).status, 2);
  });

  test('is the release key of a fleet, by a sign hook', async () => {
    provisioned('release');
    const releases = at('releases');
    const made = async (...args: readonly string[]): Promise<void> => {
      const { exitCode, stderr } = await nixfleet(args, at('home'), environment);
      assert.equal(exitCode, 0, stderr);
    };
    for (const name of ['root', 'head', 'cp', 'spare', 'host']) await made('keys', 'new', at(`${name}.pem`));
    execFileSync('nix-store', ['--generate-binary-cache-key', 'cache-1', at('cache.sec'), at('cache.pub')]);
    await made(
      ...['trust', 'init', '--fleet', 'acme', '--releases', releases, '--output', at('trust-1.json')],
      ...['--signer', `root=${at('root.pem')}`, '--signer', `head=${at('head.pem')}`],
      ...['--signer', `ci=${at('release/pubkey.pem')}`, '--role', 'root=1:root', '--role', 'release=1:ci'],
      ...['--role', 'head=1:head', '--cache-key', at('cache.pub'), '--root-key', at('root.pem')],
      ...['--control-plane-key', at('cp.pem'), '--spare-control-plane-key', at('spare.pem')],
    );
    const { stdout: host } = await nixfleet(['keys', 'show', at('host.pem'), '--json'], at('home'));
    const { openssh } = JSON.parse(host) as { openssh: string };
    mkdirSync(at('source'));
    writeFileSync(
      at('source/fleet.nix'),
      `let nixfleet = import ${repositoryRoot}/nix; in nixfleet.mkFleet {
        name = "acme";
        hosts.one = {
          system = builtins.currentSystem; channel = "stable"; pubkeys = [ "${openssh}" ];
          configuration.config.system.build.toplevel = nixfleet.testing.toplevel { name = "one"; version = "1"; };
        };
        channels.stable.rolloutPolicy = "plain";
        rolloutPolicies.plain = { };
      }`,
    );
    const git = ['-C', at('source'), '-c', 'user.name=ada', '-c', 'user.email=ada@example.org'];
    execFileSync('git', [...git, 'init', '--quiet']);
    execFileSync('git', [...git, 'add', '.']);
    execFileSync('git', [...git, 'commit', '--quiet', '-m', 'A fleet']);
    const options = ['sandbox=false', 'build-users-group=', 'substituters=', 'sandbox-paths=/bin /lib /lib64 /usr'];
    const hook = `/bin/sh ${script} sign ${handle} none "$NIXFLEET_INPUT" > "$NIXFLEET_OUTPUT"`;
    const placed = ['--releases', releases, '--trust', at('trust-1.json')];
    await made(
      ...['release', '--source', at('source'), '--first-use', ...placed],
      ...['--store', at('store'), '--roots', at('roots'), ...options.flatMap((option) => ['--nix-option', option])],
      ...['--push-to', `file://${at('cache')}?secret-key=${at('cache.sec')}&compression=none`],
      ...['--release-key', `hook:${at('release/pubkey.pem')}:${hook}`, '--head-key', at('head.pem')],
    );
    await made('verify', 'release', ...placed);
    execFileSync('chmod', ['-R', 'u+w', at('store')]);
  });
});
