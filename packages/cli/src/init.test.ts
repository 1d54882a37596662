import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { commands } from './catalog.ts';
import { type Finished, runNixfleet } from './testing/run-nixfleet.ts';

const exec = promisify(execFile);
const root = join(import.meta.dirname, '..', '..', '..');
const ada = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIP3uQw1AvVfe6sGGzZeQAz0PBvkJqIBufObnF6t8fVAp';
const web = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMRxmvp2+kSLXsqZ5nNohYRlAdF5VvL8st5ckW1yPzqH';

let folder = '';
const at = (name: string): string => join(folder, name);
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nixfleet-init-'));
});
after(async () => {
  await exec('chmod', ['-R', 'u+w', folder]);
  await rm(folder, { recursive: true, force: true });
});

const nixfleet = (...args: readonly string[]): Promise<Finished> =>
  runNixfleet(args, { cwd: folder, environment: { HOME: folder } });

async function succeeds(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await nixfleet(...args);
  assert.equal(code, 0, stderr);
  return stdout;
}

/** Ends with `code` and one last line that matches, and without a stack. */
async function fails(code: number, line: RegExp, ...args: readonly string[]): Promise<Finished> {
  const finished = await nixfleet(...args);
  assert.equal(finished.code, code, finished.stderr);
  assert.match(finished.stderr, line);
  assert.doesNotMatch(finished.stderr, /^\s+at .*\.ts:/m, 'a stack');
  return finished;
}

const places = (releases = 'git@git.example.org:fleets/site.git#releases'): string[] => [
  ...['--releases', releases, '--control-plane', 'https://cp.example.org:8443', '--cache', 'https://c.example.org'],
];
const begun = (name: string, ...more: readonly string[]): Promise<string> =>
  succeeds('init', name, ...places(), ...more);

describe('init', () => {
  test('without a terminal it says what is missing, or wrong, and writes nothing', async () => {
    await fails(2, /--releases, --control-plane, --cache: not given: there is no terminal to ask at/, 'init', 'none');
    await fails(2, /--fleet 'A_B': expected a name/, 'init', 'none', '--fleet', 'A_B', ...places());
    await fails(2, /--ci 'jenkins'/, 'init', 'none', '--ci', 'jenkins', ...places());
    await fails(2, /--cache 'x"; y'/, 'init', 'none', ...places(), '--cache', 'x"; y');
    await fails(2, /--releases 'fleet\.git': expected <git remote>#<branch>/, 'init', 'none', ...places('fleet.git'));
    await fails(2, /--operator 'ada': expected <name>=/, 'init', 'none', ...places(), '--operator', 'ada');
    await fails(2, /--pubkey 'ssh-rsa AAAA'/, 'init', 'none', ...places(), '--pubkey', 'ssh-rsa AAAA');
    assert.deepEqual(await readdir(folder), []);
  });

  test('writes a repository that is right, with private keys that git does not see', async () => {
    await begun('site', '--operator', `ada=${ada} ada@laptop`, '--ci', 'github', '--host', 'edge-1');
    const checked = await succeeds('check', 'site');
    assert.match(
      checked,
      /^warning: flake\.lock: is not there: CI would make one.*\n.*nix flake lock.*\n1 host: nothing wrong\n$/,
    );
    await writeFile(at('site/flake.lock'), '{}');
    assert.equal(await succeeds('check', 'site'), '1 host: nothing wrong\n');
    await rm(at('site/flake.lock'));
    const git = ['-C', at('site')];
    await exec('git', ['init', '--quiet', ...git.slice(1)]);
    const { stdout } = await exec('git', [...git, 'ls-files', '--others', '--exclude-standard']);
    assert.deepEqual(stdout.trim().split('\n'), [
      '.github/workflows/release.yml',
      '.gitignore',
      'README.md',
      'flake.nix',
      'fleet.nix',
      'hosts/edge-1/configuration.nix',
      'hosts/edge-1/default.nix',
      'operators.nix',
      'trust/trust-1.json',
    ]);
    for (const name of [
      'root.pem',
      'release.pem',
      'head.pem',
      'control-plane.pem',
      'control-plane-spare.pem',
      'cache.sec',
    ]) {
      assert.equal((await stat(at(`site/keys/${name}`))).mode & 0o777, 0o600, name);
    }
    const everything = (
      await Promise.all(
        stdout
          .trim()
          .split('\n')
          .map((path) => readFile(at(`site/${path}`), 'utf8')),
      )
    ).join();
    assert.doesNotMatch(everything, /acme|git\.example\.org:acme|control\.example\.org|web-1/);
    assert.match(everything, /ada\.pubkeys = \[ "ssh-ed25519 AAAA\S+" \];/);
  });

  test('overwrites nothing', async () => {
    const { stderr } = await fails(
      1,
      /has .*flake\.nix.*keys already: nothing was written/,
      'init',
      'site',
      ...places(),
    );
    assert.match(stderr, /fleet\.nix/);
  });

  test('asks at a terminal, again after a mistake', async () => {
    const session = `${join(root, 'scripts', 'node')} ${join(root, 'packages/cli/src/main.ts')} init asked`;
    const terminal = spawn('script', ['--quiet', '--return', '--command', session, '/dev/null'], {
      cwd: folder,
      env: { PATH: process.env.PATH ?? '', HOME: folder, TERM: 'dumb' },
    });
    const answers = [
      'Bad Name',
      'fleet-a',
      '',
      '',
      'f.git#releases',
      'https://cp.example.org',
      'https://c.example.org',
      'gitlab',
      '',
    ];
    let screen = '';
    // One answer for each question, once it is asked.
    terminal.stdout.setEncoding('utf8').on('data', (text: string) => {
      screen += text;
      if (/: $/.test(text)) terminal.stdin.write(`${answers.shift()}\n`);
    });
    const [code] = await new Promise<[number | null]>((resolve) => terminal.on('close', (exit) => resolve([exit])));
    assert.equal(code, 0, screen);
    assert.match(screen, /'Bad Name': expected a name/);
    assert.match(await readFile(at('asked/.gitlab-ci.yml'), 'utf8'), /f\.git#releases/);
    const { hosts } = JSON.parse(await succeeds('check', 'asked', '--json')) as { hosts: string[] };
    assert.deepEqual(hosts, ['web-1']);
  });

  test('what it wrote can be released: its trust, its keys, its cache', async () => {
    const forge = `${at('forge.git')}#releases`;
    await exec('git', ['init', '--quiet', '--bare', at('forge.git')]);
    await begun('released', '--host', 'one-1');
    const repository = at('released');
    // Real hosts need nixpkgs; the stand-in for mkHost does not.
    const source = `let nixfleet = import ${join(root, 'nix')}; in
      import ./fleet.nix { inherit (nixfleet) mkFleet; inherit (nixfleet.testing) mkHost; }`;
    await writeFile(join(repository, 'without-nixpkgs.nix'), source);
    const git = ['-C', repository, '-c', 'user.name=ada', '-c', 'user.email=ada@example.org'];
    await exec('git', ['init', '--quiet', '--initial-branch=main', repository]);
    await exec('git', [...git, 'add', '.']);
    await exec('git', [...git, 'commit', '--quiet', '-m', 'A fleet']);

    const key = (name: string): string => join(repository, 'keys', name);
    const trust = join(repository, 'trust/trust-1.json');
    const init = ['trust', 'init', '--document', trust, '--releases', forge];
    await fails(1, /not-a-signer/, ...init, '--root-key', key('head.pem'));
    await succeeds(...init, '--root-key', key('root.pem'));
    const options = ['sandbox=false', 'build-users-group=', 'substituters=', 'sandbox-paths=/bin /lib /lib64 /usr'];
    const stdout = await succeeds(
      ...['release', '--source', join(repository, 'without-nixpkgs.nix'), '--system', 'x86_64-linux', '--first-use'],
      ...['--trust', trust, '--releases', forge, '--store', at('store'), '--roots', at('roots')],
      ...options.flatMap((option) => ['--nix-option', option]),
      ...['--push-to', `file://${at('cache')}?secret-key=${key('cache.sec')}&compression=none`],
      ...['--release-key', key('release.pem'), '--head-key', key('head.pem')],
    );
    assert.match(stdout, /one-1 +stable +new/);
    assert.match(await succeeds('verify', 'release', '--releases', forge, '--trust', trust), /release 1/);
  });

  test('each workflow has commands that there are, and no signing key twice', async () => {
    for (const [ci, path] of [
      ['forgejo', '.forgejo/workflows/release.yml'],
      ['github', '.github/workflows/release.yml'],
      ['gitlab', '.gitlab-ci.yml'],
    ] as const) {
      await begun(`ci-${ci}`, '--ci', ci);
      const workflow = await readFile(at(`ci-${ci}/${path}`), 'utf8');
      const lines = [...workflow.matchAll(/nixfleet -- (.+)$/gm)].map(([, line = '']) => line);
      assert.equal(lines.length, 5, ci);
      for (const line of lines) {
        const words = line.split(' ');
        const name = words.slice(0, 2).join(' ');
        const command = commands.find((definition) => definition.name === name);
        assert.ok(command, `${ci}: ${line}`);
        const known = (command.options ?? []).map(({ flags }) => flags.split(' ')[0]);
        const used = words.filter((word) => /^--[a-z]/.test(word) && word !== '--first-use');
        for (const option of used)
          assert.ok(option === '--build' || known.includes(option), `${ci}: ${option} in ${line}`);
      }
      const jobs = workflow.split(/^ {0,2}(?=(?:build|sign|publish|head):$)/m).slice(1);
      const holders = ['CACHE_KEY', 'RELEASE_KEY', 'HEAD_KEY'].map((secret) =>
        jobs.filter((job) => job.includes(`NIXFLEET_${secret}`)).map((job) => job.split(':')[0]),
      );
      assert.deepEqual(holders, [['build'], ['sign'], ['publish', 'head']], ci);
    }
  });
});

describe('check', () => {
  before(async () => {
    await begun('checked');
    await writeFile(at('checked/flake.lock'), '{}');
  });

  test('shows what is wrong with the fleet, all of it, as mkFleet says it', async () => {
    const file = at('checked/fleet.nix');
    const right = await readFile(file, 'utf8');
    await writeFile(file, right.replace('rolloutPolicy = "canary-first"', 'rolloutPolicy = "canary"; mod = "observe"'));
    const { code, stdout } = await nixfleet('check', 'checked');
    await writeFile(file, right);
    assert.equal(code, 1);
    assert.match(
      stdout,
      /channels\.stable\.mod = "observe"\n\s+rule: unknown option of a channel\n\s+fix: +did you mean mode\?/,
    );
    assert.match(stdout, /channels\.stable\.rolloutPolicy = "canary"/);
  });

  test('a fleet that is no Nix, and a place that is no repository', async () => {
    await mkdir(at('broken'));
    await fails(
      2,
      /fleet\.nix: there is no such file: name a fleet repository, or begin one with nixfleet init/,
      'check',
      'broken',
    );
    await writeFile(at('broken/fleet.nix'), '{ mkFleet }: mkFleet {');
    const { code, stdout } = await nixfleet('check', 'broken');
    assert.equal(code, 1);
    assert.match(stdout, /error: .*fleet\.nix: syntax error/);
  });

  test("trust that is missing, changed, or another fleet's", async () => {
    const file = at('checked/trust/trust-1.json');
    const right = await readFile(file, 'utf8');
    const problemOf = async (content: string): Promise<string> => {
      await writeFile(file, content);
      const { code, stdout } = await nixfleet('check', 'checked');
      assert.equal(code, 1);
      return stdout;
    };
    assert.match(
      await problemOf(right.replace('["root"],"threshold":1', '["root"],"threshold":2')),
      /trust\/trust-1\.json: invalid: .*only 1 signers/,
    );
    assert.match(await problemOf(`${right}\n`), /trust-1\.json: not-canonical/);
    assert.match(await problemOf(right.replace('"fleet":"checked"', '"fleet":"other"')), /wrong-fleet/);
    await rm(file);
    assert.match((await nixfleet('check', 'checked')).stdout, /trust\/: there is no trust document/);
    await writeFile(file, right);
  });

  test('private keys that git has or would take', async () => {
    const git = ['-C', at('checked')];
    await exec('git', ['init', '--quiet', ...git.slice(1)]);
    const stray = {
      'a.txt': await readFile(at('checked/keys/head.pem')),
      'b.txt': await readFile(at('checked/keys/cache.sec')),
    };
    for (const [name, content] of Object.entries(stray)) await writeFile(at(`checked/${name}`), content);
    await exec('git', [...git, 'add', '--force', 'keys/hosts']);
    const { findings } = JSON.parse((await nixfleet('check', 'checked', '--json')).stdout) as {
      findings: { where: string; what: string }[];
    };
    assert.deepEqual(
      findings.map(({ where, what }) => `${where} ${what}`).sort(),
      ['a.txt', 'b.txt', 'keys/hosts/web-1/etc/ssh/ssh_host_ed25519_key'].map(
        (where) => `${where} holds a private key`,
      ),
    );
  });
});

describe('host add', () => {
  before(() => begun('grown', '--pubkey', web));
  const add = (...args: readonly string[]): string[] => ['host', 'add', '--repository', 'grown', ...args];
  const hosts = async (): Promise<string[]> => readdir(at('grown/hosts'));

  test('declares a host by its key, and the fleet is right with it', async () => {
    const stdout = await succeeds(...add('db-1', '--tag', 'database', '--pubkey', ada));
    assert.match(stdout, /git add hosts\/db-1 && git commit -m 'Add host db-1'/);
    assert.match(await readFile(at('grown/hosts/db-1/default.nix'), 'utf8'), /tags = \[ "database" \];/);
    assert.match(await succeeds('check', 'grown'), /2 hosts: nothing wrong/);
  });

  test('makes a key and the tree that nixos-anywhere copies', async () => {
    const stdout = await succeeds(...add('new-1', '--generate'));
    assert.match(stdout, /nixos-anywhere --flake \.#new-1 --extra-files grown\/keys\/hosts\/new-1 root@/);
    const key = at('grown/keys/hosts/new-1/etc/ssh/ssh_host_ed25519_key');
    assert.equal((await stat(key)).mode & 0o777, 0o600);
    const { stdout: derived } = await exec('ssh-keygen', ['-y', '-f', key]);
    const [kind, blob] = derived.split(' ');
    assert.ok((await readFile(at('grown/hosts/new-1/default.nix'), 'utf8')).includes(`"${kind} ${blob?.trim()}"`));
  });

  test('what is wrong leaves nothing behind', async () => {
    const before = await hosts();
    await fails(2, /x-1 has no identity yet: give one of --pubkey, --ssh and --generate/, ...add('x-1'));
    await fails(2, /give one of/, ...add('x-1', '--generate', '--pubkey', ada));
    await fails(2, /host 'X_1'/, ...add('X_1', '--generate'));
    await fails(1, /has hosts\/db-1 already/, ...add('db-1', '--generate'));
    await fails(1, /a key stands for one identity|stands for|already/i, ...add('x-1', '--pubkey', ada));
    const { stderr } = await fails(1, /nothing was added/, ...add('x-1', '--channel', 'edge', '--pubkey', web));
    assert.match(stderr, /edge/);
    assert.deepEqual(await hosts(), before);
  });

  describe('over ssh', () => {
    /** Stands in for ssh-keyscan and a machine that runs sshd; everything after it is real. */
    const scanned = async (args: readonly string[]): Promise<Finished> => {
      await mkdir(at('bin'), { recursive: true });
      await writeFile(
        at('bin/ssh-keyscan'),
        `#!/bin/sh\necho "$@" > ${at('asked-for')}\necho '[h.example.org]:2222 ${web}'\n`,
      );
      await chmod(at('bin/ssh-keyscan'), 0o755);
      const environment = { HOME: folder, PATH: `${at('bin')}:${process.env.PATH}` };
      return runNixfleet(add(...args), { cwd: folder, environment });
    };
    const fingerprint = async (): Promise<string> => {
      await writeFile(at('web.pub'), web);
      return (await exec('ssh-keygen', ['-l', '-f', at('web.pub')])).stdout.split(' ')[1] ?? '';
    };

    test('a key counts only with its fingerprint', async () => {
      await rm(at('grown/hosts/web-1'), { recursive: true });
      const unconfirmed = await scanned(['ssh-1', '--ssh', 'h.example.org:2222']);
      assert.equal(unconfirmed.code, 1);
      assert.ok(unconfirmed.stderr.includes(await fingerprint()));
      assert.match(unconfirmed.stderr, /compare it with .* then pass it as --fingerprint/);
      const wrong = await scanned(['ssh-1', '--ssh', 'h.example.org:2222', '--fingerprint', 'SHA256:other']);
      assert.match(wrong.stderr, /its key is SHA256:\S+, not SHA256:other: nothing was written/);
      const right = await scanned(['ssh-1', '--ssh', 'h.example.org:2222', '--fingerprint', await fingerprint()]);
      assert.equal(right.code, 0, right.stderr);
      assert.match(await readFile(at('asked-for'), 'utf8'), /-t ed25519 -p 2222 -- h\.example\.org/);
      assert.ok((await readFile(at('grown/hosts/ssh-1/default.nix'), 'utf8')).includes(web));
    });

    test('nobody listening, and an address that is none', async () => {
      await fails(1, /127\.0\.0\.1:1: shows no ed25519 host key/, ...add('x-1', '--ssh', '127.0.0.1:1'));
      await fails(2, /--ssh '-oProxyCommand=x': expected host/, ...add('x-1', '--ssh=-oProxyCommand=x'));
    });
  });
});

describe('host rotate', () => {
  before(() => begun('rotated', '--pubkey', web));

  test('adds before it exchanges, exchanges before it removes, secrets included', async () => {
    for (const [secrets, rekey] of [
      ['agenix', 'agenix --rekey'],
      ['sops', 'sops updatekeys'],
    ] as const) {
      const stdout = await succeeds('host', 'rotate', 'web-1', '--repository', 'rotated', '--secrets', secrets);
      const places = [
        web,
        'ssh-keygen -t ed25519',
        'add the new line to pubkeys',
        rekey,
        'mv ',
        'remove the old line',
        rekey,
        'rm /etc',
      ];
      let from = 0;
      for (const place of places) {
        const found = stdout.indexOf(place, from);
        assert.notEqual(found, -1, `${secrets}: ${place}`);
        from = found + 1;
      }
    }
    assert.doesNotMatch(await succeeds('host', 'rotate', 'web-1', '--repository', 'rotated'), /agenix|sops/);
  });

  test('a host or a manager that there is not', async () => {
    await fails(1, /web-9: is no host of rotated/, 'host', 'rotate', 'web-9', '--repository', 'rotated');
    await fails(2, /--secrets 'vault': expected none, agenix, sops/, 'host', 'rotate', 'web-1', '--secrets', 'vault');
  });
});
